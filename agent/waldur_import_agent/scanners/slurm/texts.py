"""The answers of `show account`: one text of each account. Pure functions of bytes; see reads.text_read."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from waldur_import_agent.scanners.slurm.reads import RECORD, SEPARATOR, TEXTS_SEPARATOR
from waldur_import_agent.scanners.slurm.text import UnreadableError, decode, readable


@dataclass(frozen=True, slots=True)
class Texts:
    """One text of each account. In `doubtful` are those whose text cannot be told for certain, and only there.

    `strangers` are the names that were not known from the associations, each with the name of the record before it.
    """

    known: Mapping[str, str]
    doubtful: frozenset[str] = frozenset()
    strangers: Mapping[str, str] = field(default_factory=dict)


def parse_texts(printed: bytes, names: Mapping[str, str]) -> Texts:
    """Cut the answer of a text read into the accounts' texts, line breaks and delimiters included.

    `names` are those that the associations told, each by itself, so that a name is in memory once. Where a text holds
    a line that looks like another account's record, that name has two records: then neither this name's text is
    certain, nor the one that may have been cut.
    Raises UnreadableError.
    """
    known: dict[str, str] = {}
    strangers: dict[str, str] = {}
    doubtful: set[str] = set()
    order: list[str] = []
    twice: set[str] = set()
    same: dict[str, str] = {}
    for record in _records(printed):
        stops = _ends_of_name(record)
        there = [stop for stop in stops if decode(record[:stop]) in names]
        stop = there[0] if there else stops[0]
        name = decode(record[:stop])
        name = names.get(name, name)
        if len(there) > 1:  # `a` with a text that begins with a delimiter, or `a|`
            doubtful.update(decode(record[:stop]) for stop in there)
        if not there:
            strangers[name] = order[-1] if order else ""
        if name in known:
            twice.add(name)
        text = decode(record[stop + len(SEPARATOR) :])
        known[name] = same.setdefault(text, text)  # many accounts have the same organization
        order.append(name)
    if twice:
        doubtful |= twice | {before for before, name in pairwise(order) if name in twice}
    return Texts(known, frozenset(doubtful), strangers)


def compared(one: Texts, other: Texts) -> Texts:
    """The first, with doubt where the two do not know the same accounts without an association.

    What only one of them has may be part of the text before it, or an account that was made or removed meanwhile.
    """
    cut = {before for name, before in one.strangers.items() if name not in other.known}
    return Texts(one.known, one.doubtful | cut, one.strangers)


def split_texts(both: Texts) -> tuple[Texts, Texts]:
    """Organizations and descriptions, of reads.BOTH_TEXTS; in doubt where the mark between them is there twice."""
    separator = TEXTS_SEPARATOR.decode()
    organizations: dict[str, str] = {}
    descriptions: dict[str, str] = {}
    doubtful = set(both.doubtful)
    for name, text in both.known.items():
        organizations[name], _, descriptions[name] = text.partition(separator)
        if text.rpartition(separator) != text.partition(separator) or separator not in text:
            doubtful.add(name)
    doubt = frozenset(doubtful)
    return Texts(organizations, doubt, both.strangers), Texts(descriptions, doubt, both.strangers)


def unmatched(names: Collection[str], texts: Texts) -> tuple[str, set[str]]:
    """What is wrong where `show account` knows other names than the associations (`names`), and accounts not to offer.

    Accounts of another cluster, or made or removed meanwhile, are in one of the two only. Where both have a name that
    the other lacks, one account may have been read as two, or two of 24.11 as one.
    """
    missing = sorted(name for name in names if name not in texts.known)
    if not missing or not texts.strangers:
        return "", set()
    strangers = sorted(texts.strangers)
    said = (
        f"associations name accounts that `show account` does not list ({_shown(missing)}), and it lists others "
        f"without an association ({_shown(strangers)}): one may be a part of the other's name"
    )
    both = {*missing, *strangers}
    parts = any(name[:end] in both for name in both for end, character in enumerate(name) if character == "\n")
    return said, set(missing) if parts else set()


def _shown(names: list[str]) -> str:
    """A few of the names; some hold line breaks."""
    return ", ".join(repr(readable(name))[:80] for name in names[:3]) + (", ..." if len(names) > 3 else "")  # noqa: PLR2004 - a few


def _records(printed: bytes) -> Iterator[bytes]:
    """Each record without its mark and its line break. A part without a separator belongs to the text before it."""
    position, record = 0, b""
    while position < len(printed):
        end = printed.find(b"\n" + RECORD, position)
        end = len(printed) - 1 if end < 0 else end
        part = printed[position:end]
        position = end + 1
        if part.startswith(RECORD) and part.find(SEPARATOR, len(RECORD) + 1) > 0:
            if record:
                yield record
            record = part[len(RECORD) :]
        elif record:
            record += b"\n" + part
        else:
            raise UnreadableError(f"this is not the record of an account: {readable(decode(part[:80]))!r}")
    if record:
        yield record


def _ends_of_name(record: bytes) -> range:
    """Where the name in a record may end: it may end with delimiters itself, and the text may begin with them."""
    start = record.find(SEPARATOR, 1)
    end = start + len(SEPARATOR)
    while record[end : end + 1] == b"|":
        end += 1
    return range(start, end - len(SEPARATOR) + 1)
