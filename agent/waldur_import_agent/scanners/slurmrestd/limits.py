"""Limits as slurmrestd gives them, as numbers with sacctmgr's names. Pure functions."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.slurm.limits import QosLimits

OF_ASSOCIATION = {
    "GrpTRES": "max.tres.total",
    "GrpTRESMins": "max.tres.group.minutes",
    "GrpTRESRunMins": "max.tres.group.active",
    "MaxTRES": "max.tres.per.job",
    "MaxTRESMins": "max.tres.minutes.per.job",
    "MaxTRESPerNode": "max.tres.per.node",
    "GrpJobs": "max.jobs.per.count",
    "GrpJobsAccrue": "max.jobs.per.accruing",
    "GrpSubmitJobs": "max.jobs.per.submitted",
    "MaxJobs": "max.jobs.active",
    "MaxJobsAccrue": "max.jobs.accruing",
    "MaxSubmitJobs": "max.jobs.total",
    "GrpWall": "max.per.account.wall_clock",
    "MaxWall": "max.jobs.per.wall_clock",
}
"""Where in an association each limit of slurm.reads.LIMITS stands; 22.05.8 and 24.11.5 were run with all of them."""
OF_QOS = {
    "GrpTRES": "limits.max.tres.total",
    "GrpTRESMins": "limits.max.tres.minutes.total",
    "GrpTRESRunMins": "limits.max.tres.minutes.per.qos",
    "MaxTRES": "limits.max.tres.per.job",
    "MaxTRESMins": "limits.max.tres.minutes.per.job",
    "MaxTRESPerNode": "limits.max.tres.per.node",
    "MaxTRESPA": "limits.max.tres.per.account",
    "GrpJobs": "limits.max.active_jobs.count",
    "GrpSubmitJobs": "limits.max.jobs.count",
    "MaxJobsPA": "limits.max.jobs.active_jobs.per.account",
    "MaxSubmitJobsPA": "limits.max.jobs.per.account",
    "GrpWall": "limits.max.wall_clock.per.qos",
    "MaxWall": "limits.max.wall_clock.per.job",
}
"""The same for a QOS and slurm.reads.QOS_LIMITS; versions.untold_of_qos are those that a version has nowhere."""

GREATEST = 2**63 - 1
"""SLURM keeps 64 bits, and sacctmgr takes no greater number."""


def read_limits(row: Mapping[str, Any], places: Mapping[str, str]) -> tuple[dict[str, Limit], tuple[str, ...]]:
    """The limits of an association or a QOS, and what of them is unreadable.

    Keys are like `GrpTRESMins.gres/gpu` and `MaxJobs`. Memory is in MiB (or MiB-minutes), wall time in minutes: SLURM's
    own units. 0 blocks and is kept.
    """
    limits: dict[str, Limit] = {}
    problems = []
    for name, value in _values(row, places):
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= GREATEST:
            limits[name] = value
        else:
            problems.append(f"limit {name} unreadable: {str(value)[:80]!r}")
    return limits, tuple(problems)


def _values(row: Mapping[str, Any], places: Mapping[str, str]) -> Iterable[tuple[str, Any]]:
    """(the limit's name, its value) for each limit that is set."""
    for column, place in places.items():
        found = at(row, place)
        if not isinstance(found, list):
            number = unwrapped(found)
            if number is not None:
                yield column, number
            continue
        for item in found:
            if isinstance(item, Mapping) and isinstance(item.get("type"), str):
                yield _name(column, item["type"], item.get("name") or ""), item.get("count")
            else:
                yield column, item


def unwrapped(value: Any) -> Any:
    """A number, None where it is not set: plain up to v0.0.38, later {set, infinite, number}.

    One that is infinite is not set either: SLURM keeps `no limit` as such.
    """
    if not isinstance(value, Mapping):
        return value
    return value.get("number") if value.get("set") and not value.get("infinite") else None


def at(row: Mapping[str, Any], place: str) -> Any:
    """What stands at a place like `max.jobs.active`, None where there is no such place."""
    found: Any = row
    for key in place.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


@cache
def _name(column: str, kind: str, name: str) -> str:
    """The limit's name; one string for all accounts, since there are few kinds and many accounts."""
    return f"{column}.{kind}/{name}" if name else f"{column}.{kind}"


def read_qos(rows: Iterable[Mapping[str, Any]], untold: tuple[str, ...]) -> QosLimits:
    """The limits of each QOS by its name; `untold` are those that this version of the API does not give."""
    said = (
        (f"limits {' and '.join(untold)} unknown: slurmrestd of this release does not tell those of a QOS",)
        if untold
        else ()
    )
    found = {}
    for row in rows:
        limits, problems = read_limits(row, OF_QOS)
        found[str(row.get("name"))] = limits, (*problems, *said)
    return found
