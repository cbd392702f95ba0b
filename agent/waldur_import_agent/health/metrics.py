"""Metrics for Prometheus. The one module that needs prometheus_client: imported where a listener is configured.

An offering is told apart by its number in the configuration, beginning with 1: a UUID in a label says nothing to a
person and makes a new series with each change.
"""

import time
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from waldur_import_agent import __version__
from waldur_import_agent.health.observer import ENDING, SCANNING, Ended, Observer
from waldur_import_agent.records import Plan

NAMESPACE = "waldur_import_agent"
ROUND_BUCKETS = (1, 3, 10, 30, 60, 180, 600, 1800, 3600, 7200)
SCAN_BUCKETS = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600)
REQUEST_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
"""Seconds."""
ACTIONS = frozenset({"start_processing", "set_done", "set_erred"})
"""What the agent asks Waldur to do with a request."""
OUTCOMES = ("done", "erred", "waiting")
"""How a round that answers requests can end."""


def verb(method: str, path: str) -> str:
    """What a call to Waldur is for: read, create, delete, or one of ACTIONS; else its method."""
    last = path.rstrip("/").rpartition("/")[2]
    if method == "POST":
        return last if last in ACTIONS else "create"
    return {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(method, method.lower())


class _ProcessCollector(ProcessCollector):
    """The process's own numbers, also where /proc has nothing but processes: ProcSubset=pid of the shipped units.

    The library takes the boot time from /proc/stat, and gives nothing at all where it cannot.
    """

    def _boot_time(self) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


class Metrics:
    """All metrics of one agent, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each that nobody asks for
        self._registry = registry = CollectorRegistry()
        _ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        Info("build", "The running release.", namespace=NAMESPACE, registry=registry).info({"version": __version__})
        offering = ("offering", "scanner")
        self.rounds = Histogram(
            "round_duration_seconds",
            "Rounds that answered requests, by how they ended.",
            (*offering, "outcome"),
            namespace=NAMESPACE,
            registry=registry,
            buckets=ROUND_BUCKETS,
        )
        self.records = Counter(
            "records",
            "Found resources, by what the rounds did with them.",
            (*offering, "action"),
            namespace=NAMESPACE,
            registry=registry,
        )
        self.scans = Histogram(
            "scan_duration_seconds",
            "Scans of the backend that did not fail.",
            offering,
            namespace=NAMESPACE,
            registry=registry,
            buckets=SCAN_BUCKETS,
        )
        self.requests = Histogram(
            "waldur_request_duration_seconds",
            "HTTP requests to Waldur, by purpose and status (none: no answer came).",
            ("verb", "status"),
            namespace=NAMESPACE,
            registry=registry,
            buckets=REQUEST_BUCKETS,
        )
        self.in_flight = Gauge(
            "waldur_requests_in_flight_limit",
            "How many requests to Waldur may be under way at the same time.",
            namespace=NAMESPACE,
            registry=registry,
        )
        self.waiting = Gauge(
            "waldur_requests_waiting",
            "Requests to Waldur that wait for their turn.",
            namespace=NAMESPACE,
            registry=registry,
        )
        self.overloads = Counter(
            "waldur_overloads",
            "How often Waldur answered 429 or 503 and the limit of requests in flight was halved.",
            namespace=NAMESPACE,
            registry=registry,
        )
        self.pauses = Counter(
            "waldur_pause_seconds",
            "Seconds of pause that Waldur asked for by Retry-After with these answers.",
            namespace=NAMESPACE,
            registry=registry,
        )
        self.attempt = self._gauge("last_attempt_timestamp_seconds", "When Waldur was last asked for requests.")
        self.success = self._gauge(
            "last_success_timestamp_seconds", "When a poll last ended well: nothing Sent, or all of it Done."
        )
        self.sent = self._gauge("requests_sent", "Requests that were Sent, and waited, at the last poll.")
        self.ready = self._gauge("ready", "1 where Waldur let the agent work at the last poll, else 0.")
        self.rescued = Counter(
            "requests_rescued",
            "Requests of the agent's own that were taken up again: after a crash, a stop or an outage.",
            offering,
            namespace=NAMESPACE,
            registry=registry,
        )

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, ("offering", "scanner"), namespace=NAMESPACE, registry=self._registry)

    def exchanged(self, method: str, path: str, status: int | None, seconds: float) -> None:
        """An exchange with Waldur has ended; `status` is None where no answer came."""
        self.requests.labels(verb(method, path), "none" if status is None else str(status)).observe(seconds)

    def load(self, limit: int, waiting: int, pause: float | None) -> None:
        """The limit of requests in flight, how many wait for their turn, and the pause where it was just halved."""
        self.in_flight.set(limit)
        self.waiting.set(waiting)
        if pause is not None:
            self.overloads.inc()
            self.pauses.inc(pause)

    def of(self, number: int, scanner: str, clock: Callable[[], float]) -> Observer:
        """What is told of one offering; `clock` gives seconds."""
        return _OfferingMetrics(self, (str(number), scanner), clock)

    def text(self) -> tuple[str, bytes]:
        """The content type and the text of all metrics."""
        return CONTENT_TYPE_LATEST, generate_latest(self._registry)


class _OfferingMetrics(Observer):
    def __init__(self, metrics: Metrics, labels: tuple[str, str], clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._labels = labels
        self._clock = clock
        self._scan_began: float | None = None
        metrics.sent.labels(*labels)
        metrics.ready.labels(*labels)
        # an increase can be seen only from a series that is there: else an agent's first Erred would alert nobody
        metrics.rescued.labels(*labels)
        for outcome in OUTCOMES:
            metrics.rounds.labels(*labels, outcome)
        for action in ("found", *Plan().counts(), "refused"):
            metrics.records.labels(*labels, action.replace(" ", "_"))

    def looking(self) -> None:
        self._metrics.attempt.labels(*self._labels).set_to_current_time()

    def looked(self, sent: int, resumed: int) -> None:
        self._metrics.sent.labels(*self._labels).set(sent)
        self._metrics.rescued.labels(*self._labels).inc(resumed)

    def progress(self, phase: str, done: int, total: int) -> None:
        del done, total
        if phase == SCANNING:
            self._scan_began = self._clock()
        elif self._scan_began is not None:
            if phase != ENDING:
                self._metrics.scans.labels(*self._labels).observe(self._clock() - self._scan_began)
            self._scan_began = None

    def ended(self, ended: Ended) -> None:
        self._scan_began = None
        if ended.ready is not None:
            self._metrics.ready.labels(*self._labels).set(int(ended.ready))
        if ended.outcome in {"done", "nothing to do"}:
            self._metrics.success.labels(*self._labels).set_to_current_time()
        if ended.requests:
            self._metrics.rounds.labels(*self._labels, ended.outcome).observe(ended.seconds)
        for action, count in ended.counts.items():
            self._metrics.records.labels(*self._labels, action.replace(" ", "_")).inc(count)
