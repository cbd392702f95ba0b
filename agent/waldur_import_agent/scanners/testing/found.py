"""Tests of what scans find."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from pydantic import ValidationError

from waldur_import_agent.records import FoundResource, Scan, id_key
from waldur_import_agent.scanners.base import BackendError, Check, CheckStatus
from waldur_import_agent.scanners.record_form import RecordForm, check_filled, check_text, to_record
from waldur_import_agent.scanners.testing import running
from waldur_import_agent.scanners.testing.errors import ConformanceError, require
from waldur_import_agent.settings.problems import details, format_key, plain_words

if TYPE_CHECKING:
    from waldur_import_agent.scanners.testing.suite import ScannerConformance

SHOWN = 3
"""So many examples stand in a text."""
TEXTS = {
    "accents": "Zoë's naïve café",
    "other scripts": "Проект 项目 مشروع",
    "beyond the BMP": "rocket 🚀",
    "combining characters": "e\u0301 is not é",
    "quotes": "'single' \"double\" `back`",
    "backslashes": r"C:\temp\new \u0041 \\",
    "separators": "a,b;c|d=e:f/g#h&i",
    "tab": "before\tafter",
    "line break": "first\nsecond",
    "outer blanks": "  between blanks  ",
    "markup": "<b>bold</b> &amp; -- /* */",
    "placeholders": "100% %s {name} ${HOME} $(id)",
    "number": "007",
    "null": "NULL",
    "long": "long " * 40 + "text",
}
"""One text of each kind; a backend that keeps none of a kind gets an exemption `texts: KIND`."""


def check(suite: "ScannerConformance") -> str:
    """None of the checks fails."""
    block = suite.some()

    async def work() -> Sequence[Check]:
        async with running.make(suite, block) as scanner:
            return await scanner.check()

    checks = running.run(suite, work)
    require(checks, "check() gave nothing; at least one line tells a person that the backend can be read")
    for one in checks:
        require(isinstance(one, Check), f"check() gave {type(one).__name__}, not Check")
        require(one.status is not CheckStatus.FAIL, f"check() fails on a good backend: {one.name}: {one.detail}")
    return "; ".join(one.detail for one in checks)


def same_scan_twice(suite: "ScannerConformance") -> str:
    """Twice by one scanner, and once by another."""
    block = suite.some()
    first, second = running.scan_times(suite, block, 2)
    _require_same(first, second, "two scans by one scanner")
    _require_same(first, running.scan(suite, block), "scans by two scanners")
    return f"{len(first.resources)} resources"


def unique_ids(suite: "ScannerConformance") -> None:
    """Where the backend ignores case, two ids that differ in case only are the same."""
    scan = running.scan(suite, suite.some())
    keys = [id_key(found.backend_id, ignore_case=suite.scanner.ids_ignore_case) for found in scan.resources]
    doubled = [key for key, count in Counter(keys).items() if count > 1]
    require(not doubled, f"several resources have the same id: {_shown(doubled)}")
    left_out = {**scan.excluded, **scan.absent}
    both = [found.backend_id for found in scan.resources if found.backend_id in left_out]
    require(not both, f"ids are both among the resources and left out: {_shown(both)}")


def stable_ids(suite: "ScannerConformance") -> None:
    """Three resources have the same ids when each is alone."""
    alone: list[str] = []
    for number in range(3):
        ids = _ids(running.scan(suite, suite.backend([number])))
        require(len(ids) == 1, f"1 resource is there, the scan found {len(ids)}")
        alone += ids
    together = sorted(_ids(_exactly(suite, 3)))
    require(
        together == sorted(alone),
        f"resources with the ids {_shown(together)} have others where each is alone: {_shown(alone)}",
    )


def record_form(suite: "ScannerConformance") -> str:
    """Each resource, and what is said of the whole."""
    scan = running.scan(suite, suite.some())
    for found in scan.resources:
        require(isinstance(found, FoundResource), f"a resource is {type(found).__name__}, not FoundResource")
        try:
            record = to_record(found)
            RecordForm.model_validate(record)
            json.dumps(record, allow_nan=False)
        except ValidationError as error:
            first = details(error)[0]
            where, words = format_key(first["loc"]), plain_words(first)
            raise ConformanceError(f"resource {found.backend_id!r}: {where}: {words}") from error
        except (TypeError, ValueError) as error:
            raise ConformanceError(f"resource {found.backend_id!r} is not in the record form: {error}") from error
    require(isinstance(scan.resources, tuple), "`resources` is no tuple")
    require(isinstance(scan.complete, bool), "`complete` is neither True nor False")
    require(scan.complete or scan.warnings, "the scan is not complete, and no warning says why")
    said = {"warnings": scan.warnings, "excluded": scan.excluded.values(), "absent": scan.absent.values()}
    for name, texts_there in said.items():
        for text in texts_there:
            _require_text(text, name)
    return f"{len(scan.resources)} resources"


def texts(suite: "ScannerConformance") -> None:
    """Each is the id, the name, or an attribute, of some resource, unchanged."""
    exempted = suite.exempted_texts()
    wanted = {kind: text for kind, text in TEXTS.items() if kind not in exempted}
    scan = running.scan(suite, suite.texts(list(wanted.values())))
    there = {text for found in scan.resources for text in _texts(found) if isinstance(text, str)}
    missing = [kind for kind, text in wanted.items() if text not in there]
    require(not missing, f"not found as they were written: {', '.join(missing)}; found were {_shown(sorted(there))}")


def limits(suite: "ScannerConformance") -> str:
    """The figures are those that were set, in the units of the documentation."""
    block, expected = suite.limits()
    require(any(expected.values()), "limits() expects no limit at all; a scanner without limits has an exemption")
    there = {found.backend_id: found for found in running.scan(suite, block).resources}
    for backend_id, wanted in expected.items():
        require(backend_id in there, f"the resource {backend_id!r} was not found; there are {_shown(sorted(there))}")
        got = dict(there[backend_id].limits)
        require(got == dict(wanted), f"resource {backend_id!r}: the limits are {got}, expected were {dict(wanted)}")
        for name, value in got.items():
            is_one = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
            require(is_one, f"resource {backend_id!r}: limit {name} is {type(value).__name__}, no number and not None")
    return ", ".join(sorted({name for wanted in expected.values() for name in wanted}))


def empty_backend(suite: "ScannerConformance") -> None:
    """Nothing is found, and nothing is missing."""
    scan = running.scan(suite, suite.backend([]))
    require(not scan.resources, f"nothing is there, the scan found {_shown(sorted(_ids(scan)))}")
    require(scan.complete, "the scan of an empty backend is not complete, so what has gone would never be withdrawn")


def large_backend(suite: "ScannerConformance") -> str:
    """All are found."""
    scan = _exactly(suite, suite.large)
    require(scan.complete, "the scan of a large backend is not complete")
    return f"{suite.large} resources"


def one_row_pages(suite: "ScannerConformance") -> None:
    """The same ids in the same order as with pages of the usual size."""
    scan = running.scan(suite, suite.one_row_pages([0, 1, 2]))
    whole = _exactly(suite, 3)
    paged, usual = [[found.backend_id for found in one.resources] for one in (scan, whole)]
    require(paged == usual, f"pages of one row gave {_shown(paged)}, whole ones {_shown(usual)}")


def denied_part(suite: "ScannerConformance") -> str:
    """The scan is not complete and says why, or it fails and says why."""
    try:
        scan = running.scan(suite, suite.denied_part())
    except BackendError as error:
        _require_text(error.args[0], "the error's text")
        return f"the scan fails: {error}"
    require(
        not scan.complete,
        f"a part was denied, but the scan of {len(scan.resources)} resources says that it is complete: records of what "
        "it did not see would be withdrawn",
    )
    require(scan.warnings, "the scan is not complete, and no warning says which part is missing")
    for warning in scan.warnings:
        _require_text(warning, "warnings")
    return "; ".join(scan.warnings)


def _exactly(suite: "ScannerConformance", count: int) -> Scan:
    scan = running.scan(suite, suite.backend(range(count)))
    require(len(_ids(scan)) == count, f"{count} resources are there, the scan found {len(_ids(scan))}")
    return scan


def _ids(scan: Scan) -> set[str]:
    return {found.backend_id for found in scan.resources}


def _require_same(first: Scan, second: Scan, what: str) -> None:
    """Say where two scans differ."""
    if first == second:
        return
    if _ids(first) != _ids(second):
        differ = _shown(sorted(_ids(first) ^ _ids(second)))
        raise ConformanceError(f"{what} found different ids: {differ}. Did the backend change meanwhile?")
    orders = [[found.backend_id for found in scan.resources] for scan in (first, second)]
    if orders[0] != orders[1]:
        raise ConformanceError(f"{what} have other orders: {_shown(orders[0])} and {_shown(orders[1])}")
    for one, other in zip(first.resources, second.resources, strict=True):
        for field in fields(FoundResource):
            values = getattr(one, field.name), getattr(other, field.name)
            if values[0] != values[1]:
                raise ConformanceError(
                    f"{what} differ: `{field.name}` of {one.backend_id!r} is {values[0]!r}, then {values[1]!r}. "
                    "Did the backend change meanwhile?"
                )
    raise ConformanceError(f"{what} differ in what they say of the whole: warnings, complete, excluded or absent")


def _require_text(text: object, name: str) -> None:
    try:
        require(isinstance(text, str), f"`{name}` holds {type(text).__name__}, not a text")
        check_filled(check_text(str(text)))
    except ValueError as error:
        raise ConformanceError(f"`{name}` holds {text!r}: {error}") from error


def _texts(found: FoundResource) -> list[object]:
    return [found.backend_id, found.name, *found.attributes.values()]


def _shown(items: Sequence[object]) -> str:
    more = ", ..." if len(items) > SHOWN else ""
    return ", ".join(repr(item) for item in items[:SHOWN]) + more
