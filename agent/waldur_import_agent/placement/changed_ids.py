"""Ids that a spreadsheet has changed: 007 into 7, 1E5 into 1E+05, MAR1 or 1-3 into a date."""

import math
import re
from collections.abc import Iterable, Iterator

from waldur_import_agent.placement.overrides import Overrides
from waldur_import_agent.records import id_key

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:E[+-]?\d+)?", re.IGNORECASE)
SCIENTIFIC = re.compile(r"\d+(?:[.,]\d+)?E[+-]\d{2,}", re.IGNORECASE)
"""How a spreadsheet writes a large number."""
DATE_PARTS = re.compile(r"[a-z]+|\d+", re.IGNORECASE)
DATE = re.compile(
    r"\d{1,4}[./ -]+\d{1,2}(?:[./ -]+\d{2,4})?|\d{1,2}[. -]+[a-z]{3,9}|[a-z]{3,9}[. -]+\d{2,4}", re.IGNORECASE
)
"""How spreadsheets show a date: 2024-03-01, 01/03/2024, 1. Mar, 01-Mar, Mar-24."""
DIGITS = 1e-5
"""How exactly a number in scientific form is compared: spreadsheets show six digits of it."""


def changed_ids(overrides: Overrides, there: Iterable[str]) -> Iterator[str]:
    """A warning for each filled line whose id is not `there` and looks like one that a spreadsheet has changed.

    Lines for what has merely gone from the backend are kept by people on purpose: they are no warning.
    """
    ids = {id_key(backend_id, ignore_case=overrides.ignore_case): backend_id for backend_id in there}
    free = [backend_id for key, backend_id in ids.items() if key not in overrides.lines]
    for key, (_, line) in overrides.lines.items():
        text = overrides.written.get(key, key)
        if key in ids or not (NUMBER.fullmatch(text) or DATE.fullmatch(text)):
            continue
        near = next((backend_id for backend_id in free if _may_become(backend_id, text)), None)
        if near is None and not (SCIENTIFIC.fullmatch(text) or DATE.fullmatch(text)):
            continue
        what = f": {near!r} is there, and has no line" if near is not None else ""
        yield (
            f"{overrides.path}:{line}: {text!r} was not found on the backend; was it changed by a spreadsheet?{what}. "
            "Let the column backend_id be text when it is opened"
        )


def _may_become(backend_id: str, text: str) -> bool:
    """Whether a spreadsheet may show `backend_id` as `text`."""
    if NUMBER.fullmatch(text):
        number = _number(backend_id)
        tolerance = DIGITS if SCIENTIFIC.fullmatch(text) else 0.0
        return number is not None and math.isclose(number, _number(text) or 0.0, rel_tol=tolerance)
    parts = _date_parts(backend_id)
    return bool(parts) and parts <= _date_parts(text)


def _number(text: str) -> float | None:
    return float(text.replace(",", ".")) if NUMBER.fullmatch(text) else None


def _date_parts(text: str) -> frozenset[int]:
    """The numbers of a date, its month as one; none where the text is no two or three such parts."""
    found = DATE_PARTS.findall(text)
    numbers = []
    for part in found:
        if part.isdigit():
            numbers.append(int(part))
        elif part[:3].lower() in MONTHS:
            numbers.append(MONTHS.index(part[:3].lower()) + 1)
        else:
            return frozenset()
    whole = "".join(re.split(r"[./ -]+", text)) == "".join(found)
    return frozenset(numbers) if whole and len(numbers) in {2, 3} else frozenset()
