"""Rows in order of creation, found by UUID and by some keys without looking at all of them."""

from collections.abc import Callable, Collection, Mapping, Reversible
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

Row_co = TypeVar("Row_co", covariant=True)


class HasUuid(Protocol):
    """What can be a row."""

    @property
    def uuid(self) -> str:
        """32 hexadecimal digits."""
        ...


class OrderedRows(Collection[Row_co], Reversible[Row_co], Protocol[Row_co]):
    """Rows, oldest first, whose number is known without looking at them."""


Row = TypeVar("Row", bound=HasUuid)


class Table(Generic[Row]):
    """Rows with an index for each of the given keys. A key of a row must not change while it is in the table."""

    def __init__(self, **keys: Callable[[Row], str]) -> None:
        self._rows: dict[str, Row] = {}
        self._keys = keys
        self._indexes: dict[str, dict[str, dict[str, Row]]] = {name: {} for name in keys}
        self.by_uuid: Mapping[str, Row] = MappingProxyType(self._rows)

    def add(self, row: Row) -> Row:
        """Append a row and return it."""
        self._rows[row.uuid] = row
        for name, key in self._keys.items():
            self._indexes[name].setdefault(key(row), {})[row.uuid] = row
        return row

    def remove(self, row: Row) -> None:
        """Take a row out; raises KeyError if it is not in."""
        del self._rows[row.uuid]
        for name, key in self._keys.items():
            del self._indexes[name][key(row)][row.uuid]

    def narrowest(self, **values: str | None) -> tuple[OrderedRows[Row], bool]:
        """The rows of the smallest of the named indexes, oldest first, and whether no other key was asked for.

        A key whose value is None is not asked for. Where the flag is False the other keys are still to be compared.
        """
        found = [self._indexes[name].get(value, {}) for name, value in values.items() if value is not None]
        return min(found, key=len, default=self._rows).values(), len(found) <= 1
