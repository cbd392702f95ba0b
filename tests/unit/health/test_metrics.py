"""Metrics: each that the documentation names, what it counts, and no UUID in a label."""

import builtins
import time
import uuid
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from unit.health.conftest import ended
from waldur_import_agent.fulfilment import Ending
from waldur_import_agent.health.metrics import Metrics, verb
from waldur_import_agent.health.observer import ENDING, SCANNING, Observer
from waldur_import_agent.records import Plan

LABELS = {"offering": "2", "scanner": "slurm"}


class Measured:
    """The metrics of one offering, with a clock that only tests move."""

    def __init__(self) -> None:
        self.time = 0.0
        self.metrics = Metrics()
        self.offering: Observer = self.metrics.of(2, "slurm", lambda: self.time)

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a sample, or None where there is none."""
        text = self.metrics.text()[1].decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == f"waldur_import_agent_{name}" and sample.labels == labels:
                    return sample.value
        return None


@pytest.fixture
def measured() -> Measured:
    """The metrics of an offering."""
    return Measured()


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("GET", "/api/backend-resource-requests/", "read"),
        ("HEAD", "/api/", "read"),
        ("POST", "/api/backend-resources/", "create"),
        ("DELETE", "/api/backend-resources/0ff0/", "delete"),
        ("POST", "/api/backend-resource-requests/0ff0/start_processing/", "start_processing"),
        ("POST", "/api/backend-resource-requests/0ff0/set_done/", "set_done"),
        ("POST", "/api/backend-resource-requests/0ff0/set_erred/", "set_erred"),
        ("PATCH", "/api/x/", "patch"),
    ],
)
def test_verbs(method: str, path: str, word: str) -> None:
    """What a call is for, in as few words as there are kinds of calls."""
    assert verb(method, path) == word


def test_requests_to_waldur(measured: Measured) -> None:
    """By verb and status, with how long they took; `none` is no answer."""
    measured.metrics.exchanged("GET", "/api/projects/", 200, 0.25)
    measured.metrics.exchanged("GET", "/api/projects/", 200, 0.5)
    measured.metrics.exchanged("GET", "/api/projects/", None, 10.0)
    name = "waldur_request_duration_seconds"
    assert measured.value(f"{name}_count", verb="read", status="200") == 2
    assert measured.value(f"{name}_sum", verb="read", status="200") == 0.75
    assert measured.value(f"{name}_count", verb="read", status="none") == 1


def test_requests_in_flight(measured: Measured) -> None:
    """The limit and those that wait as they are now; halvings are counted, with the pauses asked for."""
    measured.metrics.load(8, 0, None)
    measured.metrics.load(4, 7, 30.0)
    measured.metrics.load(2, 6, 2.5)
    measured.metrics.load(3, 5, None)
    assert measured.value("waldur_requests_in_flight_limit") == 3
    assert measured.value("waldur_requests_waiting") == 5
    assert measured.value("waldur_overloads_total") == 2
    assert measured.value("waldur_pause_seconds_total") == 32.5


def test_rounds_and_records(measured: Measured) -> None:
    """Rounds by outcome with their duration, records by action; a poll without requests is no round."""
    measured.offering.ended(ended())
    measured.offering.ended(
        ended("erred", requests=("q1",), seconds=3, counts={"reported": 4, "removed as surplus": 1, "skipped": 0})
    )
    assert measured.value("round_duration_seconds_count", **LABELS, outcome="nothing to do") is None
    assert measured.value("round_duration_seconds_count", **LABELS, outcome="erred") == 1
    assert measured.value("round_duration_seconds_sum", **LABELS, outcome="erred") == 3
    assert measured.value("records_total", **LABELS, action="reported") == 4
    assert measured.value("records_total", **LABELS, action="removed_as_surplus") == 1
    assert measured.value("records_total", **LABELS, action="skipped") == 0


def test_the_first_of_each_is_an_increase(measured: Measured) -> None:
    """What the alerts count is there as 0 before it happens: Prometheus sees no increase in a series that begins."""
    plan = {"found": 0, **Plan().counts(), "refused": 0}
    for outcome in set(Ending) - {Ending.NOTHING, Ending.IMPOSSIBLE}:  # these two answer no request
        assert measured.value("round_duration_seconds_count", **LABELS, outcome=outcome.value) == 0
    for action in plan:
        assert measured.value("records_total", **LABELS, action=action.replace(" ", "_")) == 0


def test_scans(measured: Measured) -> None:
    """How long a scan took, once it has ended; one that failed is none."""
    measured.offering.progress(SCANNING, 0, 0)
    measured.time += 7
    measured.offering.progress("reading Waldur", 0, 0)
    measured.time += 9
    measured.offering.progress("reporting", 0, 0)
    assert measured.value("scan_duration_seconds_sum", **LABELS) == 7
    for after in ((ENDING,), ()):  # what the scan could not read, or Waldur's absence, ends the round
        measured.offering.progress(SCANNING, 0, 0)
        for phase in after:
            measured.offering.progress(phase, 0, 0)
        measured.offering.ended(ended("erred", requests=("q1",)))
        measured.offering.progress("reporting", 0, 0)
    assert measured.value("scan_duration_seconds_count", **LABELS) == 1


def test_polls(measured: Measured) -> None:
    """Last attempt, last success, what waits, what was taken up again, and readiness."""
    assert measured.value("requests_rescued_total", **LABELS) == 0
    assert measured.value("ready", **LABELS) == 0
    measured.offering.looking()
    assert measured.value("last_attempt_timestamp_seconds", **LABELS) != 0
    measured.offering.looked(3, 2)
    measured.offering.looked(1, 1)
    assert measured.value("requests_sent", **LABELS) == 1
    assert measured.value("requests_rescued_total", **LABELS) == 3
    for outcome, ready in (("waiting", False), ("erred", True)):
        measured.offering.ended(ended(outcome, ready=ready))
        assert measured.value("ready", **LABELS) == int(ready)
        assert measured.value("last_success_timestamp_seconds", **LABELS) is None
    measured.offering.ended(ended("waiting", ready=None))
    assert measured.value("ready", **LABELS) == 1
    measured.offering.ended(ended("done"))
    assert (measured.value("last_success_timestamp_seconds", **LABELS) or 0) > 0


def test_no_uuid_in_a_label(measured: Measured) -> None:
    """Whatever is told: UUIDs of offerings, requests, rounds and paths stay out."""
    number = uuid.uuid4()
    for form in (number.hex, str(number)):
        measured.metrics.exchanged("POST", f"/api/backend-resource-requests/{form}/set_done/", 200, 1)
        measured.metrics.exchanged("POST", f"/api/x/{form}/", 200, 1)
        measured.offering.looking()
        measured.offering.ended(ended("done", run=form, requests=(form,), message=form, reason=form))
    text = measured.metrics.text()[1].decode()
    assert number.hex[:8] not in text
    assert number.hex[-12:] not in text


def test_the_process_where_proc_shows_only_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory, CPU time and start are served under the shipped units too, whose ProcSubset=pid hides /proc/stat."""
    whole_open = builtins.open

    def only_processes(path: Any, *arguments: Any, **named: Any) -> Any:
        if str(path) == "/proc/stat":
            raise FileNotFoundError(path)
        return whole_open(path, *arguments, **named)

    monkeypatch.setattr(builtins, "open", only_processes)
    served = {family.name: family for family in text_string_to_metric_families(Metrics().text()[1].decode())}
    for name in ("process_resident_memory_bytes", "process_cpu_seconds", "process_open_fds"):
        assert served[name].samples[0].value > 0
    (started,) = served["process_start_time_seconds"].samples
    assert time.time() - 86400 < started.value <= time.time() + 5


def test_content_type(measured: Measured) -> None:
    """As Prometheus wants it."""
    assert measured.metrics.text()[0].startswith("text/plain; version=")
