"""The reference of the metrics, from the collectors that the agent registers."""

from collections.abc import Iterator, Sequence

from prometheus_client.metrics import Counter, Histogram, MetricWrapperBase

from documentation import markdown
from waldur_import_agent.health.metrics import Metrics

HEAD = """\
Served at `/metrics` in Prometheus' text format where [`metrics.listen`](configuration.md#metricslisten) names an
address. [Operations](../operations.md#metrics) tells how to use them: alerts and a dashboard come with the agent.

Labels: `offering` is the offering's number in the configuration, from 1 on, and `scanner` its scanner's name; no
label holds a UUID. `outcome` is how a round ended, `action` what was done with a found resource, `verb` the purpose
of a request to Waldur (read, create, delete, start_processing, set_done or set_erred), `status` its HTTP status, or
`none` where no answer came."""

HISTOGRAMS = """\
A histogram has three series: the name with `_bucket`, `_sum` and `_count`. Beside these, the usual ones of a Python
process are served: `process_*` (memory, CPU time, open files, start) and `python_gc_*`."""


def entries() -> Iterator[str]:
    """Each metric: its name, what it tells, its kind and its labels."""
    yield from entry("waldur_import_agent_build_info", "gauge", ("version",), "The running release; the value is 1.")
    for collector in vars(Metrics()).values():
        if not isinstance(collector, MetricWrapperBase):
            continue
        (family,) = collector.describe()
        name = f"{family.name}_total" if isinstance(collector, Counter) else family.name
        about = markdown.text(family.documentation)
        if isinstance(collector, Histogram):
            bounds = [f"{bound:g}" for bound in collector._upper_bounds if bound != float("inf")]  # noqa: SLF001
            about += f" Buckets, in seconds: {', '.join(bounds)}."
        yield from entry(name, family.type, collector._labelnames, about)  # noqa: SLF001 - not public elsewhere


def entry(name: str, kind: str, labels: Sequence[str], about: str) -> Iterator[str]:
    """One metric."""
    yield f"### `{name}`"
    yield about
    named = ", ".join(f"`{label}`" for label in labels)
    yield f"*{kind}*" + (f" · labels: {named}" if labels else "")


def metrics() -> str:
    """The page."""
    return markdown.page("Metrics", [HEAD, HISTOGRAMS, "## The agent's own", *entries()])
