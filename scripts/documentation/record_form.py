"""The reference of the record form, from the models that read it."""

import json
from collections.abc import Iterator
from typing import Any

from documentation import markdown
from waldur_import_agent.scanners.record_form import VERSION, Form, ParentForm, RecordForm, ScanForm, json_schema

HEAD = f"""\
How other programs hand found resources to the agent, version {VERSION}: UTF-8 text, one JSON object a line. The
scanners [command](../scanners/command.md) and `inventory` read it, and a mapping command of the site gets it on
stdin. A key that is not known is an error, and nothing of a stream with a bad line is used.

The same as a JSON Schema (draft 2020-12): [record-form.schema.json](record-form.schema.json), or `waldur-import-agent
scanners schema`."""

EXAMPLE = """\
{"backend_id": "proj-17", "name": "Genomics", "parents": ["physics"], "limits": {"storage": 500, "files": null}}
{"backend_id": "proj-18"}
{"scan": {"version": 1, "complete": false, "warnings": ["share B did not answer"]}}"""

TYPES = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list", "object": "mapping"}


def in_words(schema: dict[str, Any]) -> str:
    """The type of a value, from its part of the schema."""
    if "anyOf" in schema:
        kinds = [in_words(part) for part in schema["anyOf"] if part != {"type": "null"}]
        return " or ".join(dict.fromkeys(kinds))
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = TYPES[schema["type"]]
    if kind == "list":
        return f"list of {'texts' if schema['items'].get('type') == 'string' else 'texts or objects'}"
    return kind


def keys(model: type[Form]) -> Iterator[list[str]]:
    """The keys of one object: its name, type, whether it is needed, and what it says."""
    properties = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        default = "needed" if field.is_required() else markdown.code(json.dumps(field.default))
        if field.default is None:
            default = "none"
        yield [f"`{name}`", in_words(properties[name]), default, markdown.text(field.description or "")]


def record_form() -> str:
    """The page."""
    header = ["key", "type", "default", "meaning"]
    parts = [HEAD, "## Example", markdown.block(EXAMPLE, "json"), "## A found resource"]
    parts += [markdown.table(header, keys(RecordForm))]
    parts += ["A parent that is more than its id:", markdown.table(header, keys(ParentForm))]
    parts += [
        "## The last line",
        "May be left out: then the stream is complete. Else it is an object with the one key `scan`:",
        markdown.table(header, keys(ScanForm)),
    ]
    return markdown.page("Record form", parts)


def schema() -> str:
    """The file with the JSON Schema."""
    return json.dumps(json_schema(), indent=2) + "\n"
