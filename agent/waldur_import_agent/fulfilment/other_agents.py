"""Signs of a second agent: what its records say is all that Waldur lets one agent know of another elsewhere."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from waldur_import_agent.records import KnownRecord

LATELY = timedelta(days=1)
"""Records that another agent wrote longer ago are from before a move to this host, or from one that is gone."""


def signs_of_others(records: Iterable[KnownRecord], instance: str, host: str, moment: datetime) -> Iterator[str]:
    """A warning for each other agent, by instance and host, that wrote records of this offering within a day.

    `moment` is the present time. An instance on two hosts is worse than two instances: each takes the other's records
    for its own.
    """
    newest: dict[tuple[str, str], datetime] = {}
    for record in records:
        mark = record.marker
        if mark is None or (mark.instance, mark.host) == (instance, host) or moment - mark.written > LATELY:
            continue
        who = (mark.instance, mark.host)
        newest[who] = max(mark.written, newest.get(who, mark.written))
    for (other_instance, other_host), written in sorted(newest.items()):
        yield (
            f"the agent of the instance {other_instance!r} on the host {other_host!r} wrote records of this offering, "
            f"last at {written:%Y-%m-%d %H:%M} UTC: if it still runs, two agents answer this offering. Stop one of "
            "them, or ignore this if it moved here"
        )
