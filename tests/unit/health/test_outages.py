"""The log of an outage."""

import pytest

from unit.health.conftest import ended
from waldur_import_agent.health.outages import Outages


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The level and the event of each line, since this was asked last."""
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    caplog.clear()
    return [(level, message.split("'")[1]) for level, message in lines]


BEGAN = ("WARNING", "outage: requests cannot be answered")
OVER = ("INFO", "outage is over: requests are answered again")


def test_one_line_at_the_beginning_and_one_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """A hundred failed polls in between are for debugging."""
    observer = Outages().of("o1")
    away = ended("waiting", ready=False, reason="503")
    caplog.set_level("INFO")
    for _ in range(100):
        observer.ended(away)
    assert told(caplog) == [BEGAN]
    observer.ended(ended())
    assert "seconds=" in caplog.text
    assert told(caplog) == [OVER]
    observer.ended(ended())
    assert told(caplog) == []


def test_an_outage_of_two_offerings_is_one(caplog: pytest.LogCaptureFixture) -> None:
    """It begins with the first and ends with the last."""
    outages = Outages()
    one, other = outages.of("o1"), outages.of("o2")
    caplog.set_level("INFO")
    one.ended(ended("waiting", ready=False, reason="503"))
    other.ended(ended("waiting", ready=False, reason="503"))
    assert told(caplog) == [BEGAN]
    one.ended(ended())
    assert OVER not in told(caplog)
    other.ended(ended())
    assert told(caplog) == [OVER]


def test_another_reason_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """What begins as a 503 and becomes a refused token is news, once."""
    observer = Outages().of("o1")
    caplog.set_level("INFO")
    for reason in ("503", "503", "401", "401"):
        observer.ended(ended("waiting", ready=False, reason=reason))
    assert [event for _, event in told(caplog)] == [BEGAN[1], "outage goes on"]


@pytest.mark.parametrize(
    "reasons",
    [
        [
            f"Waldur could not answer GET /api/x/: no answer within {seconds} seconds"
            for seconds in ("9.73", "8", "9.6")
        ],
        [f"Waldur could not answer: it asks for a pause of {seconds} more seconds" for seconds in ("29.3", "1e+03")],
        [f"Waldur could not answer GET /api/x/{digit * 32}/ (503)" for digit in "a1b"],
    ],
)
def test_a_time_or_a_uuid_makes_no_other_reason(caplog: pytest.LogCaptureFixture, reasons: list[str]) -> None:
    """A Waldur that hangs is told with other seconds at each poll: it is still the same outage, and one line."""
    observer = Outages().of("o1")
    caplog.set_level("INFO")
    for reason in reasons:
        observer.ended(ended("waiting", ready=False, reason=reason))
    assert told(caplog) == [BEGAN]


def test_a_reason_is_told_once_in_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    """A proxy whose answers alternate is no news with each poll; in the next outage it is."""
    observer = Outages().of("o1")
    caplog.set_level("INFO")
    for _ in range(2):
        for reason in ("502", "503", "502", "503"):
            observer.ended(ended("waiting", ready=False, reason=reason))
        assert [event for _, event in told(caplog)] == [BEGAN[1], "outage goes on"]
        observer.ended(ended())
        assert told(caplog) == [OVER]


def test_a_stop_is_no_outage_and_no_end_of_one(caplog: pytest.LogCaptureFixture) -> None:
    """A poll that a stop cut off tells nothing of Waldur."""
    observer = Outages().of("o1")
    caplog.set_level("INFO")
    observer.ended(ended("waiting", ready=None))
    assert told(caplog) == []
    observer.ended(ended("waiting", ready=False, reason="503"))
    observer.ended(ended("waiting", ready=None))
    assert told(caplog) == [BEGAN]
