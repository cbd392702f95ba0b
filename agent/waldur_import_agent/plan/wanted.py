"""The record that a found resource becomes: its name, its metadata, and the hash that decides over a refresh."""

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping
from string import Formatter
from typing import Any

from waldur_import_agent.plan.limits import map_limits
from waldur_import_agent.records import (
    MARKER_KEY,
    Attribute,
    Component,
    FoundResource,
    Placement,
    Project,
    WantedRecord,
)
from waldur_import_agent.settings.models import Record

NAME_MAX = 150
"""Characters of a record's name (Waldur's limit; import makes it the resource's name)."""
METADATA_MAX = 8 * 1024
"""Bytes of a record's backend_metadata as JSON; Waldur takes more, a page of 300 records must stay readable."""
MARKER_ROOM = 640
"""Bytes kept free for the marker."""
TEXT_LIMITS = (2000, 1000, 500, 200, 100, 40)
"""How far texts are shortened, in characters, until the metadata fits."""
RESERVED = frozenset(
    {"limits", "type", "description", "full_name", "backend_limits", "placement", "problems", MARKER_KEY}
)


def make_record(
    resource: FoundResource,
    placement: Placement,
    project: Project,
    components: Mapping[str, Component],
    patterns: Record,
    *,
    same: dict[str, str] | None = None,
) -> WantedRecord:
    """The record for a placed resource. Name and texts are cleaned of control characters; the id is left exact.

    `same` is given to all records of a plan: texts that many of them hold are kept in it once.
    """
    same = {} if same is None else same
    backend_limits = ", ".join(f"{key}={_limit(value)}" for key, value in sorted(resource.limits.items()))
    fields = _fields(resource)
    full_name = _clean(_fill(patterns.name, fields)) or _clean(resource.backend_id)
    name = full_name if len(full_name) <= NAME_MAX else full_name[: NAME_MAX - 1].rstrip() + "…"
    shortened = () if name == full_name else (f"name shortened from {len(full_name)} characters",)
    limits, notes = map_limits(resource.limits, components)
    metadata: dict[str, Any] = {
        "limits": limits,
        "type": resource.kind,
        "description": _clean(_fill(patterns.description, fields)),
        **({"full_name": full_name} if name != full_name else {}),
        **{key: value for key, value in fields.items() if key not in RESERVED | {"backend_id", "name", "kind"}},
        "backend_limits": same.setdefault(backend_limits, backend_limits),
        "placement": same.setdefault(placement.why, placement.why),
        "problems": "; ".join(resource.problems),
    }
    return WantedRecord(
        backend_id=resource.backend_id,
        name=name,
        project=project,
        metadata=_fit(metadata),
        content=content_hash(name, project.uuid, resource.kind, limits),
        notes=(*resource.problems, *shortened, *notes),
    )


def content_hash(name: str, project_uuid: str, kind: str, limits: Mapping[str, int]) -> str:
    """What decides over a refresh: the same hash means that nothing that matters has changed."""
    text = json.dumps([name, project_uuid, kind, limits], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _fields(resource: FoundResource) -> dict[str, Attribute]:
    """What the patterns may name, and the flat facts of the metadata."""
    fields: dict[str, Attribute] = {
        # cleaned here, so that no key can turn into a reserved one later
        **{_clean(key): value for key, value in resource.attributes.items()},
        "backend_id": resource.backend_id,
        "name": resource.name,
        "kind": resource.kind,
    }
    if resource.parents:
        fields["parent"] = resource.parents[0].name
    if resource.user_count is not None:
        fields["user_count"] = resource.user_count
    return fields


def _fill(pattern: str, fields: Mapping[str, Attribute]) -> str:
    """`pattern` with its {names} filled in; a name that the resource does not have is left empty."""
    parts = Formatter().parse(pattern)
    return "".join(text + (str(fields.get(name, "")) if name else "") for text, name, _, _ in parts)


def _clean(text: str) -> str:
    """One line without control characters (NUL makes Waldur answer 500) and without lone surrogates (not UTF-8).

    Nearly all texts are clean already. Such a one is given back itself: a copy for each of many records takes memory.
    """
    if text.isascii() and text.isprintable() and "  " not in text and text.strip(" ") == text:
        return text
    visible = "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in text)
    return re.sub(r"\s+", " ", visible).strip()


def _clean_value(value: Any) -> Any:
    """A value that can be sent: clean text, and as text what JSON has no number for (NaN, infinity)."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return _clean(value) if isinstance(value, str) else value


def _limit(value: object) -> str:
    return "unlimited" if value is None else str(value)


def _fit(metadata: dict[str, Any]) -> dict[str, Any]:
    """`metadata` with clean values, shortened until the marker fits beside it below METADATA_MAX.

    Where even short texts are too much, the backend's own attributes go, the last one first; `limits` never go.
    """
    room = METADATA_MAX - MARKER_ROOM
    fitting = {key: _clean_value(value) for key, value in metadata.items() if value != ""}
    for limit in TEXT_LIMITS:
        if _size(fitting) <= room:
            return fitting
        fitting = {
            key: value[: limit - 1] + "…" if isinstance(value, str) and len(value) > limit else value
            for key, value in fitting.items()
        }
    size = _size(fitting)
    for key in [key for key in reversed(fitting) if key not in RESERVED]:
        if size <= room:
            break
        # the braces of one item alone count for the separator that goes with it
        size -= _size({key: fitting.pop(key)})
    return fitting if size <= room else {key: fitting[key] for key in ("limits", "type") if key in fitting}


def _size(metadata: Mapping[str, Any]) -> int:
    """Bytes of the metadata as it is sent."""
    return len(json.dumps(metadata, ensure_ascii=False).encode())
