"""The record form, version 1: how other programs hand found resources to the agent. One JSON object a line.

    {"backend_id": "proj-17", "name": "Genomics", "kind": "share", "parents": ["physics"],
     "attributes": {"owner": "x"}, "limits": {"storage": 500, "files": null}, "user_count": 3, "problems": []}

Only `backend_id` is needed. A last line may say that something is missing from the whole:

    {"scan": {"version": 1, "complete": false, "warnings": ["share B did not answer"]}}
"""

import json
import math
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    WithJsonSchema,
)
from pydantic.json_schema import models_json_schema

from waldur_import_agent.records import Ancestor, Attribute, FoundResource, Limit, Scan
from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.settings.problems import details, format_key, plain_words, unknown_key
from waldur_import_agent.settings.shape import known_keys

SHOWN = 10
"""So many bad lines are named in the error; the rest is counted."""
DEFAULT_KIND = "resource"
VERSION: Final = 1


def check_text(value: str) -> str:
    """A text that Waldur can store: its database takes no NUL, and UTF-8 no half of a pair. Raises ValueError."""
    if "\0" in value:
        raise ValueError("a NUL character cannot be stored")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("half of a surrogate pair cannot be stored")
    return value


def check_filled(value: str) -> str:
    """A text that does not only hold blanks. Raises ValueError."""
    if not value.strip():
        raise ValueError("this must not be empty")
    return value


def is_number(value: Any) -> bool:
    """Whether this is a number that a JSON reader of any language takes: finite, no truth value."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an int beyond the range of floats
        return False


def check_attribute(value: Any) -> Attribute:
    """A text, a finite number, true or false. Raises ValueError."""
    if isinstance(value, str):
        return check_text(value)
    if isinstance(value, bool) or is_number(value):
        attribute: Attribute = value
        return attribute
    raise ValueError("a text, a finite number, true or false is needed")


def check_limit(value: Any) -> Limit:
    """A finite number, or None for what the backend states to be unlimited. Raises ValueError."""
    if value is None or is_number(value):
        limit: Limit = value
        return limit
    raise ValueError("a finite number is needed, or null for unlimited")


def whole_number(value: Any) -> Any:
    """3.0 as 3: JSON, and its schema, know no difference."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_version(value: Any) -> Any:
    """No truth value, which Python takes for a number. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError(f"the number {VERSION} is needed")  # noqa: TRY004 - pydantic's
    return whole_number(value)


NO_NUL = "^[^\\u0000]*$"
NUMBER = {"type": "number", "minimum": -sys.float_info.max, "maximum": sys.float_info.max}
"""A number that a double holds, as a part of the schema."""

Text = Annotated[StrictStr, AfterValidator(check_text), Field(json_schema_extra={"pattern": NO_NUL})]
Filled = Annotated[
    StrictStr,
    AfterValidator(check_text),
    AfterValidator(check_filled),
    Field(json_schema_extra={"pattern": "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$"}),
]
ATTRIBUTE = {"anyOf": [{"type": "string", "pattern": NO_NUL}, NUMBER, {"type": "boolean"}]}
LIMIT = {"anyOf": [NUMBER, {"type": "null"}]}


def _mapping_schema(value: Mapping[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"type": "object", "propertyNames": {"pattern": NO_NUL}, "additionalProperties": dict(value)})


Attributes = Annotated[
    dict[Text, Annotated[Attribute, PlainValidator(check_attribute)]],
    _mapping_schema(ATTRIBUTE),
]
Limits = Annotated[
    dict[Text, Annotated[Limit, PlainValidator(check_limit)]],
    _mapping_schema(LIMIT),
]


class Form(BaseModel):
    """The base of the parts: unknown keys are errors, values never stand in error texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ParentForm(Form):
    """Something above a resource."""

    backend_id: Filled = Field(description="its id on the backend")
    name: Filled | None = Field(default=None, description="its name, if it is another than the id")
    attributes: Attributes = Field(default={}, description="whatever is known of it")


def parent_from_text(value: Any) -> Any:
    """A parent given as a text is one with this id."""
    return {"backend_id": value} if isinstance(value, str) else value


class RecordForm(Form):
    """One found resource."""

    backend_id: Filled = Field(description="its id on the backend, one of a kind in the stream")
    name: Filled | None = Field(default=None, description="its name, if it is another than the id")
    kind: Filled = Field(default=DEFAULT_KIND, description="what it is on the backend, for people")
    parents: tuple[
        Annotated[ParentForm, BeforeValidator(parent_from_text, json_schema_input_type=Filled | ParentForm)], ...
    ] = Field(
        default=(), description="what is above it, the nearest first: ids, or objects with backend_id, name, attributes"
    )
    attributes: Attributes = Field(default={}, description="whatever is known of it: texts, numbers, true or false")
    limits: Limits = Field(default={}, description="its own limits in the backend's units; null is unlimited")
    user_count: Annotated[StrictInt, Field(ge=0), BeforeValidator(whole_number)] | None = Field(
        default=None, description="how many people use it"
    )
    problems: tuple[Filled, ...] = Field(default=(), description="what of it could not be read")


class ScanForm(Form):
    """What the whole stream says of itself."""

    version: Annotated[Literal[1], BeforeValidator(check_version)] = Field(default=VERSION, description="of this form")
    complete: StrictBool = Field(default=True, description="false: something is missing, so nothing may be withdrawn")
    warnings: tuple[Filled, ...] = Field(default=(), description="what is missing, and why")


class LastLine(Form):
    """The line that ends a stream."""

    scan: ScanForm


def json_schema() -> dict[str, Any]:
    r"""The JSON Schema (draft 2020-12) of one line: a record, or the last line.

    Two things it cannot say: an id stands once in a stream, and half of a surrogate pair (`\ud800`) is refused.
    """
    _, parts = models_json_schema([(RecordForm, "validation"), (LastLine, "validation")])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:waldur-import-agent:record-form:{VERSION}",
        "title": f"One line of the record form, version {VERSION}",
        "description": "A found resource; or, as the last line, what the whole stream says of itself. "
        "Each backend_id may stand once in a stream.",
        "anyOf": [{"$ref": "#/$defs/RecordForm"}, {"$ref": "#/$defs/LastLine"}],
        **parts,
    }


def to_record(found: FoundResource) -> dict[str, Any]:
    """A found resource in the record form, without what it does not have."""
    record: dict[str, Any] = {
        "backend_id": found.backend_id,
        "name": found.name,
        "kind": found.kind,
        "parents": [
            {"backend_id": parent.backend_id, "name": parent.name, "attributes": dict(parent.attributes)}
            for parent in found.parents
        ],
        "attributes": dict(found.attributes),
        "limits": dict(found.limits),
        "problems": list(found.problems),
    }
    if found.user_count is not None:
        record["user_count"] = found.user_count
    return record


class RecordReader:
    """Takes records one by one and makes a scan of them. `source` names the file, or the program, in errors."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._resources: list[FoundResource] = []
        self._lines: dict[str, int] = {}
        self._parents: dict[str, Ancestor] = {}
        self._last: ScanForm | None = None
        self._last_number = 0
        self._shown: list[str] = []
        self._bad = 0

    def read_line(self, number: int, line: bytes) -> None:
        """Take one line of JSON; an empty one says nothing."""
        if not line.strip():
            return
        try:
            data = json.loads(line.decode())
        except UnicodeDecodeError:
            self.reject(number, "this is not UTF-8 text")
        except json.JSONDecodeError as error:
            self.reject(number, f"this is not JSON: {error.msg} at character {error.pos + 1}")
        except RecursionError:
            self.reject(number, "this is nested too deeply")
        except ValueError:
            self.reject(number, "a number has too many digits")
        else:
            self.read_record(number, data)

    def read_record(self, number: int, data: Any) -> None:
        """Take what one line says."""
        if self._last is not None:
            self.reject(number, f"nothing may follow the scan line {self._last_number}")
            return
        ends = isinstance(data, Mapping) and "scan" in data
        try:
            if ends:
                self._last, self._last_number = LastLine.model_validate(data).scan, number
                return
            record = RecordForm.model_validate(data)
        except ValidationError as error:
            model = LastLine if ends else RecordForm
            for detail in details(error):
                words = plain_words(detail)
                if detail["type"] == "extra_forbidden":
                    words = unknown_key(str(detail["loc"][-1]), known_keys(model, detail["loc"][:-1]))
                self.reject(number, ": ".join(filter(None, (format_key(detail["loc"]), words))))
            return
        first = self._lines.setdefault(record.backend_id, number)
        if first != number:
            self.reject(number, f"backend_id: line {first} has the same")
            return
        self._resources.append(self._found(record))

    def reject(self, number: int, text: str) -> None:
        """Note that a line is bad."""
        self._bad += 1
        if len(self._shown) < SHOWN:
            self._shown.append(f"{self._source}:{number}: {text}")

    def scan(self) -> Scan:
        """All that was taken, in the order of the ids. Raises BackendMisconfiguredError if a line was bad."""
        if self._bad:
            more = f"\nand {self._bad - len(self._shown)} more" if self._bad > len(self._shown) else ""
            raise BackendMisconfiguredError(
                "the records are not in the record form, nothing of them was used:\n" + "\n".join(self._shown) + more
            )
        last = self._last or ScanForm()
        resources = tuple(sorted(self._resources, key=lambda found: found.backend_id))
        return Scan(resources, warnings=last.warnings, complete=last.complete)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was said: no record, no last line, nothing bad."""
        return not (self._resources or self._last or self._bad)

    def _found(self, record: RecordForm) -> FoundResource:
        return FoundResource(
            backend_id=record.backend_id,
            name=record.name or record.backend_id,
            kind=record.kind,
            parents=tuple(self._ancestor(parent) for parent in record.parents),
            attributes=record.attributes,
            limits=record.limits,
            user_count=record.user_count,
            problems=record.problems,
        )

    def _ancestor(self, parent: ParentForm) -> Ancestor:
        """The parent as an ancestor; those with nothing but an id are shared, since many resources name the same."""
        ancestor = Ancestor(parent.backend_id, parent.name or parent.backend_id, parent.attributes)
        if ancestor.name == ancestor.backend_id and not ancestor.attributes:
            return self._parents.setdefault(ancestor.backend_id, ancestor)
        return ancestor
