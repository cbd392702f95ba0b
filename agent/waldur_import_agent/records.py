"""The words of this product as data: what was found, where it belongs, what Waldur knows, what is to be done.

Frozen dataclasses, no I/O. UUIDs are strings of 32 hexadecimal digits, as Waldur sends them.
`__all__` is what scanners of others use too (docs/reference/public-api.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from sys import intern
from typing import Any, TypeAlias

__all__ = ["Ancestor", "Attribute", "FoundResource", "Limit", "Scan"]

Attribute: TypeAlias = str | int | float | bool
"""What may be known of a found resource, or of something above it: finite numbers, texts without NUL."""
Limit: TypeAlias = int | float | None
"""A finite number in the backend's unit; None is a limit that the backend states to be infinite."""


def id_key(backend_id: str, *, ignore_case: bool) -> str:
    """What two ids have in common that are the same to the backend. Only letters have cases: straße is not strasse."""
    return backend_id.lower() if ignore_case else backend_id


# --- what a scanner yields


@dataclass(frozen=True, slots=True)
class Ancestor:
    """Something above a found resource on the backend: a parent account, a domain."""

    backend_id: str
    name: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundResource:
    """One thing on the backend that Waldur could import.

    `parents` starts with the nearest. `limits` are in the backend's own units, the keys are the backend's own names;
    None is a limit that the backend states to be infinite, a missing key one that is not set. `problems` say what of
    this resource could not be read: it is reported without that part.
    """

    backend_id: str
    name: str
    kind: str
    parents: tuple[Ancestor, ...] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    user_count: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """What one look at the backend gave.

    `excluded` maps the ids of what is there but not offered (left out by a filter, say) to the reason: a record of
    such a thing is kept, since it has not gone. `excluded_prefixes` does so for all ids that begin like its keys: what
    is left out may be offered in several parts, and which is not known. `absent` gives the reason for what the
    backend knows, but which is not, or no longer, part of what the offering stands for (another cluster's account): its
    record is withdrawn like that of what has gone. `complete` is false when a part was denied or unreachable; then
    nothing may be concluded from what is missing, and `warnings` says which part.
    """

    resources: tuple[FoundResource, ...]
    warnings: tuple[str, ...] = ()
    complete: bool = True
    excluded: Mapping[str, str] = field(default_factory=dict)
    excluded_prefixes: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)


# --- where a found resource belongs


@dataclass(frozen=True, slots=True)
class Project:
    """A Waldur project, as far as placement needs it."""

    uuid: str
    slug: str
    name: str
    backend_id: str = ""
    customer: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """The project of a found resource with what led to it, or None with the reason why there is none.

    `holding` says that nothing else placed it: the project is the one for all such.
    """

    project: Project | None
    why: str
    holding: bool = False


# --- what Waldur knows


@dataclass(frozen=True, slots=True)
class Component:
    """How one of the offering's components is fed from a limit of the backend: backend = Waldur x unit_factor."""

    limit: str
    unit_factor: float = 1


@dataclass(frozen=True, slots=True)
class Offering:
    """What the plan needs to know of the offering.

    `components` are its component types. `backend_id_pattern` is the regular expression that an id must match as a
    whole before Waldur imports it (backend_id_rules.format.regex), or empty; `backend_id_hint` is its description.
    `customer` is the UUID of the organization that provides it, or empty.
    """

    uuid: str
    name: str
    components: frozenset[str]
    backend_id_pattern: str = ""
    backend_id_hint: str = ""
    customer: str = ""


MARKER_KEY = "import_agent"
"""Where in a record's backend_metadata the marker stands."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Whose a record is and what it says: Waldur keeps no owner, so the record carries it.

    `instance` is a setting, since it must outlive a host or a container. `content` is the hash of what decides over a
    refresh. The rest is provenance.
    """

    instance: str
    content: str
    host: str
    version: str
    run: str
    written: datetime

    def to_json(self) -> dict[str, str]:
        """The form that stands in backend_metadata."""
        return {
            "instance": self.instance,
            "content": self.content,
            "host": self.host,
            "version": self.version,
            "run": self.run,
            "written": self.written.isoformat(),
        }

    @classmethod
    def from_metadata(cls, metadata: object) -> "Marker | None":
        """The marker in a record's backend_metadata, or None where there is none that can be read."""
        found = metadata.get(MARKER_KEY) if isinstance(metadata, Mapping) else None
        if not isinstance(found, Mapping):
            return None
        try:
            texts = {key: found[key] for key in ("instance", "content", "host", "version", "run")}
            written = datetime.fromisoformat(found["written"])
            written = written.replace(tzinfo=UTC) if written.tzinfo is None else written.astimezone(UTC)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        if not all(isinstance(text, str) for text in texts.values()):
            return None
        # all but the hash say the same in each of many records: one text for all of them
        shared = {key: intern(texts[key]) for key in ("instance", "host", "version", "run")}
        return cls(content=texts["content"], **shared, written=written)


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record that Waldur has, as far as the plan compares it."""

    uuid: str
    backend_id: str
    name: str
    project_uuid: str
    created: datetime
    marker: Marker | None


@dataclass(frozen=True, slots=True)
class KnownResource:
    """A marketplace resource of the offering. `project` is as much of its project as the resource tells."""

    uuid: str
    backend_id: str
    name: str
    state: str
    slug: str = ""
    project: Project | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All that Waldur has of an offering."""

    records: tuple[KnownRecord, ...] = ()
    resources: tuple[KnownResource, ...] = ()


# --- what is to be done


@dataclass(frozen=True, slots=True)
class WantedRecord:
    """A record as it should stand in Waldur; `metadata` is without the marker, `content` is its hash.

    `notes` tell what of the resource's limits does not reach Waldur, and its problems.
    """

    backend_id: str
    name: str
    project: Project
    metadata: Mapping[str, Any]
    content: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refresh:
    """Replace `old` by `wanted`: Waldur knows no update."""

    old: KnownRecord
    wanted: WantedRecord


@dataclass(frozen=True, slots=True)
class Removal:
    """Delete one of our records, and why."""

    record: KnownRecord
    why: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays as it is in Waldur, and why. `placed`: it was found, and its project could be told."""

    backend_id: str
    name: str
    why: str
    placed: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A found resource that is not reported, and why."""

    resource: FoundResource
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a round does with the records of one offering.

    `surplus` goes before all else, `withdraw` after all else. `held` are withdrawals that the guard does not allow;
    `held_why` then says so. `holding` are those that only the holding project places: they are among what is reported,
    refreshed or kept, and a person should still decide.
    """

    report: tuple[WantedRecord, ...] = ()
    refresh: tuple[Refresh, ...] = ()
    surplus: tuple[Removal, ...] = ()
    withdraw: tuple[Removal, ...] = ()
    held: tuple[Removal, ...] = ()
    held_why: str = ""
    keep: tuple[Kept, ...] = ()
    unplaced: tuple[LeftOut, ...] = ()
    skipped: tuple[LeftOut, ...] = ()
    holding: tuple[LeftOut, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def placed(self) -> int:
        """How many of the found resources that can be imported have a project."""
        return len(self.report) + len(self.refresh) + sum(kept.placed for kept in self.keep)

    @property
    def writes(self) -> bool:
        """Whether carrying out the plan changes anything in Waldur."""
        return bool(self.report or self.refresh or self.surplus or self.withdraw)

    def counts(self) -> dict[str, int]:
        """How many of each, in the order in which they are told."""
        parts: dict[str, Sequence[object]] = {
            "reported": self.report,
            "refreshed": self.refresh,
            "withdrawn": self.withdraw,
            "removed as surplus": self.surplus,
            "kept": self.keep,
            "unplaced": self.unplaced,
            "skipped": self.skipped,
            "held back": self.held,
        }
        return {name: len(items) for name, items in parts.items()}
