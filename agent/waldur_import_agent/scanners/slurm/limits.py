"""Limits as sacctmgr prints them, as numbers. Pure functions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache, lru_cache

from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.slurm.reads import QOS_LIMITS, TIME_LIMITS
from waldur_import_agent.scanners.slurm.text import UnreadableError, decode, lines, readable

_TRES = re.compile(r"(?P<number>\d+)(?:\.(?P<fraction>\d+))?(?P<unit>[KMGTPE?]?)")
_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)")
_MEBIBYTE = 1 << 20
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50, "E": 1 << 60, "?": 1 << 60}
"""Bytes of each unit that sacctmgr prints; `?` is what it prints for exa."""
_ROUNDED = frozenset("TPE?")
"""Units in which sacctmgr rounds."""


class _RoundedError(ValueError):
    """The text stands for several amounts; it says between which they are."""


QosLimits = Mapping[str, tuple[Mapping[str, Limit], tuple[str, ...]]]
"""By the QOS's name: its limits, and what of them is unreadable."""


def parse_limits(cells: Iterable[tuple[str, str]]) -> tuple[dict[str, Limit], tuple[str, ...]]:
    """The limits of (column, cell) pairs, and for each text that is none what is wrong with it; such a one is left out.

    Keys are like `GrpTRESMins.gres/gpu` and `MaxJobs`. Memory is in MiB (or MiB-minutes), wall time in minutes. 0
    blocks and is kept; an empty cell is a limit that is not set. A memory that sacctmgr shows rounded is left out too.
    """
    limits: dict[str, Limit] = {}
    problems = []
    for name, key, text in _single_limits(cells):
        try:
            limits[name] = _value(key, text)
        except _RoundedError as error:
            problems.append(f"limit {name} left out: SLURM shows it rounded: {text!r}, between {error}")
        except ValueError:
            problems.append(f"limit {name} unreadable: {text!r}")
    return limits, tuple(problems)


def _single_limits(cells: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str, str]]:
    """(the limit's name, what it is of, its text) for each limit in the cells."""
    for column, cell in cells:
        if not cell:
            continue
        if "TRES" not in column:
            yield column, column, cell
            continue
        for item in cell.split(","):
            key, equals, text = item.rpartition("=")
            yield (_name(column, key), key, text) if equals else (column, column, item)


@cache
def _name(column: str, key: str) -> str:
    """The limit's name; one string for all accounts, since there are few kinds and many accounts."""
    return f"{column}.{key}"


@lru_cache(maxsize=4096)
def _value(key: str, text: str) -> int:
    """The number; many accounts have the same, and then share it."""
    if key in TIME_LIMITS:
        return _minutes(text)
    if key == "mem" or key.startswith("bb/"):
        return _mebibytes(text)
    if not _is_number(text):
        raise ValueError(text)
    return int(text)


def _mebibytes(text: str) -> int:
    """MiB of memory or burst buffer: shown as `4T`, `1.50G`, `1048577M`, `16?`, `0`; without a unit it is MiB.

    22.05 and 24.11 change to the next larger unit where a number's whole part can be halved 9 times: whole numbers, and
    `.50` in G, are exact. From T on a fraction is rounded to two digits: 2621440M and 2621952M are both shown as
    `2.50T`, 1049088M as `1.00T`. Raises _RoundedError for these, ValueError for what is no amount of memory.
    """
    match = _TRES.fullmatch(text)
    if match is None:
        raise ValueError(text)
    number, fraction, unit = match["number"], match["fraction"] or "", match["unit"]
    if fraction and unit in _ROUNDED:
        half = Decimal(5).scaleb(-len(fraction) - 1)
        shown = Decimal(f"{number}.{fraction}")
        raise _RoundedError(f"{shown - half}{unit} and {shown + half}{unit}")
    scale: int = 10 ** len(fraction)
    in_bytes, rest = divmod(int(number + fraction) * _UNITS[match["unit"] or "M"], scale)
    if rest or in_bytes % _MEBIBYTE:
        raise ValueError(text)
    return in_bytes // _MEBIBYTE


def _minutes(text: str) -> int:
    """Minutes of `2-01:30:00`; a dump has plain minutes."""
    if _is_number(text):
        return int(text)
    match = _TIME.fullmatch(text)
    if match is None or int(match["seconds"]):  # SLURM keeps whole minutes
        raise ValueError(text)
    return int(match["days"] or 0) * 1440 + int(match["hours"]) * 60 + int(match["minutes"])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def parse_qos(printed: bytes) -> QosLimits:
    """The answer of `show qos` with the columns QOS_LIMITS and Name, which may hold all. Raises UnreadableError.

    A name that is there twice, which SLURM does not allow, has no limits that could be told.
    """
    found: dict[str, tuple[Mapping[str, Limit], tuple[str, ...]]] = {}
    for cells in _qos_rows(printed):
        name = cells[-1]
        if name in found:
            found[name] = {}, (f"no limits: SLURM seems to list the QOS {name} twice",)
        else:
            found[name] = parse_limits(zip(QOS_LIMITS, cells[:-1], strict=True))
    return found


def _qos_rows(printed: bytes) -> Iterator[list[str]]:
    """The cells of each row. A line with fewer belongs to the name in the line before it."""
    row: list[str] = []
    for line in lines(printed):
        cells = decode(line).split("|", len(QOS_LIMITS))
        if len(cells) > len(QOS_LIMITS):
            if row:
                yield row
            row = cells
        elif row:
            row[-1] += f"\n{decode(line)}"
        else:
            raise UnreadableError(f"this is not a QOS: {readable(decode(line[:80]))!r}")
    if row:
        yield row
