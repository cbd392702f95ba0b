"""The agent as a whole: what systemd, status.json, /healthz and /readyz are told of it."""

import asyncio
import logging
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from unit.health.conftest import SCAN_LIMIT, STEP_LIMIT, Watch, ended
from waldur_import_agent.health.observer import SCANNING
from waldur_import_agent.health.offering import SLACK
from waldur_import_agent.health.probe import unhealthy
from waldur_import_agent.log import bind
from waldur_import_agent.system import now

READY, WATCHDOG = "READY=1", "WATCHDOG=1"


def test_ready_after_the_first_look_at_everything(two: Watch) -> None:
    """READY once, when each offering was looked at and each scanner was asked, in whatever order."""
    first, second = two.monitor.offerings
    first.looking()
    first.looked(0, 0)
    two.monitor.scanners_looked_at()
    assert READY not in two.heard()
    assert two.monitor.unready() == ["the agent is starting"]
    second.looking()
    second.ended(ended("waiting", ready=False, reason="Waldur is away"))
    assert two.heard().count(READY) == 1
    second.looking()
    second.looked(0, 0)
    assert READY not in two.heard()


def test_readiness_is_waldurs_and_liveness_is_not(watch: Watch) -> None:
    """While Waldur is away the agent is not ready, with the reason, and lives."""
    watch.monitor.scanners_looked_at()
    watch.offering.looking()
    watch.offering.ended(ended("waiting", ready=False, reason="Waldur could not answer: 503"))
    assert watch.monitor.unready() == ["offering 1: Waldur could not answer: 503"]
    assert watch.hung() == ""
    watch.offering.looking()
    watch.offering.looked(0, 0)
    assert watch.monitor.unready() == []


def test_a_stop_says_nothing_about_waldur(watch: Watch) -> None:
    """A poll that a stop cut off leaves readiness as it was."""
    watch.monitor.scanners_looked_at()
    watch.offering.looked(0, 0)
    watch.offering.ended(ended("waiting", ready=None))
    assert watch.offering.ready is True


def test_watchdog_hears_each_beat(watch: Watch) -> None:
    """A loop that turns tells the watchdog."""
    watch.monitor.beat()
    watch.monitor.beat()
    assert watch.heard().count(WATCHDOG) == 2


@pytest.mark.parametrize(("phase", "limit"), [(SCANNING, SCAN_LIMIT), ("reading Waldur", STEP_LIMIT)])
def test_a_phase_beyond_its_limit_hangs(
    watch: Watch, phase: str, limit: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Within its limit a phase is alive; after it the watchdog hears nothing, and one line says what hangs."""
    watch.offering.looking()
    watch.offering.progress(phase, 0, 0)
    watch.time += limit + SLACK
    watch.monitor.beat()
    assert WATCHDOG in watch.heard()
    watch.time += 1
    watch.monitor.beat()
    watch.monitor.beat()
    assert WATCHDOG not in watch.heard()
    assert f"{phase} takes longer than its limit" in watch.hung()
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
    watch.offering.ended(ended())
    watch.monitor.beat()
    assert WATCHDOG in watch.heard()


def test_an_exchange_with_waldur_is_a_sign_of_life_of_its_offering(two: Watch) -> None:
    """However slow Waldur is: as long as exchanges end, a phase goes on. The other offering's do not count."""
    for offering in two.monitor.offerings:
        offering.looking()
        offering.progress("reading Waldur", 0, 0)
    bind({"offering": "o2"})
    for _ in range(10):
        two.time += STEP_LIMIT
        two.monitor.exchanged()
    two.monitor.beat()
    assert "o1" in two.hung()
    assert "o2" not in two.hung()
    two.offering.ended(ended())
    two.offering.resting(30)
    assert two.hung() == ""


def test_an_exchange_does_not_prolong_a_scan(watch: Watch) -> None:
    """A scan has its own limit as a whole."""
    watch.offering.progress(SCANNING, 0, 0)
    watch.time += SCAN_LIMIT
    bind({"offering": "o1"})
    watch.monitor.exchanged()
    watch.offering.progress(SCANNING, 5, 10)
    watch.time += SLACK + 1
    assert SCANNING in watch.hung()


def test_each_record_is_a_sign_of_life(watch: Watch) -> None:
    """A long phase that comes on does not hang."""
    for done in range(5):
        watch.offering.progress("reporting", done, 5)
        watch.time += STEP_LIMIT
    assert watch.hung() == ""


def test_a_metronome_that_has_died_is_noticed(watch: Watch) -> None:
    """A poll that is due and does not come for as long again hangs."""
    watch.offering.resting(300)
    watch.time += 600 + SLACK
    assert watch.hung() == ""
    watch.time += 1
    assert "waiting for the next poll" in watch.hung()


def test_more_time_is_asked_for_while_starting_and_stopping(watch: Watch) -> None:
    """Systemd is asked for patience with each beat, but not in between, and not for ever after a stop."""
    watch.monitor.beat()
    assert "EXTEND_TIMEOUT_USEC=60000000" in watch.heard()
    watch.monitor.scanners_looked_at()
    watch.offering.looked(0, 0)
    watch.heard()
    watch.monitor.beat()
    assert not [line for line in watch.heard() if line.startswith("EXTEND")]
    watch.monitor.stopping(grace=100)
    assert {"STOPPING=1", "EXTEND_TIMEOUT_USEC=60000000"} <= set(watch.heard())
    watch.time += 159
    watch.monitor.beat()
    assert "EXTEND_TIMEOUT_USEC=60000000" in watch.heard()
    watch.time += 1
    watch.monitor.beat()
    assert not [line for line in watch.heard() if line.startswith("EXTEND")]


def test_what_hangs_while_starting_gets_no_more_time(watch: Watch) -> None:
    """Else a start that hangs would never end."""
    watch.offering.looking()
    watch.time += STEP_LIMIT + SLACK + 1
    watch.monitor.beat()
    assert not [line for line in watch.heard() if line.startswith("EXTEND")]


def test_a_stop_has_its_own_limit(watch: Watch) -> None:
    """An offering that waits for a poll that will not come does not hang while another's round ends."""
    watch.offering.resting(1)
    watch.monitor.stopping(grace=10_000)
    watch.time += 1000
    watch.monitor.beat()
    assert WATCHDOG in watch.heard()


def test_status_of_systemd(two: Watch) -> None:
    """What is told on each change: phases with how far they are, the reasons of trouble, a stop; nothing twice."""
    first, second = two.monitor.offerings
    two.monitor.changed()
    first.looking()
    first.progress("reporting", 0, 12)
    first.progress("reporting", 5, 12)
    two.monitor.beat()
    two.monitor.beat()
    heard = two.heard()
    second.looking()
    first.ended(ended("done"))
    second.ended(ended("waiting", ready=False, reason="Waldur is\n away"))
    two.monitor.stopping(1)
    assert [line for line in [*heard, *two.heard()] if line.startswith("STATUS=")] == [
        "STATUS=waiting for requests",
        "STATUS=looking for requests",
        "STATUS=reporting: 0 of 12",
        "STATUS=reporting: 5 of 12",
        "STATUS=reporting: 5 of 12; looking for requests",
        "STATUS=looking for requests",
        "STATUS=requests cannot be answered: Waldur is away",
        "STATUS=stopping: requests cannot be answered: Waldur is away",
    ]


def test_status_file_in_full(watch: Watch) -> None:
    """Every fact of the issue: last poll, round with counts, phase with progress, next poll, last error, readiness."""
    before = now()
    watch.offering.looking()
    watch.offering.looked(2, 1)
    watch.offering.progress("reporting", 3, 7)
    watch.monitor.beat()
    (offering,) = watch.status()["offerings"]
    assert (offering["phase"], offering["done"], offering["total"], offering["sent"]) == ("reporting", 3, 7, 2)
    assert before <= datetime.fromisoformat(offering["last_poll"]) <= now()
    assert (offering["next_poll"], offering["last_error"], offering["last_round"]) == (None, None, None)
    assert (offering["ready"], offering["offering"], offering["scanner"]) == (True, "o1", "slurm")
    watch.offering.ended(
        ended("erred", run="r1", message="Waldur refused 1 record", requests=("q1",), counts={"found": 7})
    )
    watch.offering.resting(30)
    status = watch.status()
    (offering,) = status["offerings"]
    assert offering["last_round"] == {
        "run": "r1",
        "started": ended().started.isoformat(),
        "finished": ended().finished.isoformat(),
        "seconds": 2.0,
        "outcome": "erred",
        "requests": ["q1"],
        "counts": {"found": 7},
        "message": "Waldur refused 1 record",
    }
    assert offering["last_error"] == {"at": ended().finished.isoformat(), "text": "Waldur refused 1 record"}
    assert (offering["phase"], offering["done"], offering["total"]) == ("waiting for the next poll", 0, 0)
    next_poll = datetime.fromisoformat(offering["next_poll"])
    assert before + timedelta(seconds=30) <= next_poll <= now() + timedelta(seconds=30)
    assert (status["state"], status["url"], status["beat"]) == ("starting", "https://waldur.test/api", 1000.0)


def test_the_last_round_stays_when_polls_find_nothing(watch: Watch) -> None:
    """A poll that found nothing is no round; an outage leaves the round and says since when."""
    watch.offering.ended(ended("done", run="r1", requests=("q1",)))
    since = watch.offering.ready_since
    watch.offering.ended(ended())
    assert watch.offering.last_round is not None
    assert watch.offering.ready_since == since
    watch.offering.ended(ended("waiting", ready=False, reason="away"))
    assert watch.offering.last_round["run"] == "r1"
    assert watch.offering.ready_since != since


async def test_the_status_ends_as_stopped(watch: Watch) -> None:
    """It beats at once and while the block runs, and afterwards says that the agent has stopped."""
    async with watch.monitor.watching():
        await asyncio.sleep(0)
        assert WATCHDOG in watch.heard()
        assert unhealthy(watch.status(), watch.time) == ""
    assert watch.status()["state"] == "stopped"
    assert unhealthy(watch.status(), watch.time) == "the agent has stopped"


def test_a_reader_never_meets_a_part(watch: Watch) -> None:
    """The file is replaced as a whole, and nothing else stays in the directory."""
    watch.monitor.write()
    before = (watch.directory / "status.json").stat().st_ino
    watch.monitor.write()
    assert (watch.directory / "status.json").stat().st_ino != before
    assert [path.name for path in watch.directory.iterdir()] == ["status.json"]


def test_a_directory_that_cannot_be_used_is_no_end(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """One warning with the setting, however often it fails, and again after it has worked."""
    watch.directory.write_text("a file stands there")
    for _ in range(3):
        watch.monitor.write()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "runtime_dir" in caplog.text
    Path(watch.directory).unlink()
    watch.monitor.write()
    assert watch.status()["state"] == "starting"
