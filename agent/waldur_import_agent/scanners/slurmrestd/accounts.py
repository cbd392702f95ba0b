"""slurmrestd's list of accounts: their texts and coordinators, whatever clusters they are on. No I/O."""

from collections import Counter
from collections.abc import Collection
from typing import Any

from waldur_import_agent.scanners.slurm.text import readable
from waldur_import_agent.scanners.slurm.texts import Texts

COMPARED = 42
"""Characters by which SLURM up to 24.11 tells accounts apart."""


class AccountList:
    """Collects the rows of the answer; deleted accounts are left out."""

    def __init__(self) -> None:
        self.organizations: dict[str, str] = {}
        self.descriptions: dict[str, str] = {}
        self.coordinators: Counter[str] = Counter()

    def take(self, rows: list[Any]) -> None:
        """The next rows."""
        for row in rows:
            if "DELETED" in (row.get("flags") or ()):
                continue
            name = str(row.get("name"))
            self.organizations[name] = str(row.get("organization") or "")
            self.descriptions[name] = str(row.get("description") or "")
            names = {str(one.get("name")) for one in row.get("coordinators") or () if isinstance(one, dict)}
            if names:
                self.coordinators[name] = len(names)

    def texts(self, here: Collection[str]) -> tuple[Texts, Texts]:
        """Organizations and descriptions. `here` are the accounts on the cluster; the others are strangers to it."""
        strangers = {name: "" for name in self.organizations if name not in here}
        return Texts(self.organizations, frozenset(), strangers), Texts(self.descriptions, frozenset(), strangers)

    def taken_over(self, here: Collection[str]) -> str:
        """What is wrong where an account of the cluster is not listed, and one with the same beginning is; or nothing.

        24.11 lets a new account whose name agrees in its first 42 characters take over an older one's association.
        """
        missing = {name[:COMPARED]: name for name in here if name not in self.organizations}
        for name in sorted(self.organizations):
            new = missing.get(name[:COMPARED])
            if new is not None and name not in here:
                return (
                    f"the account {readable(new)!r} seems to have taken over the association of {readable(name)!r}: "
                    f"SLURM compares the first {COMPARED} characters of their names. Nothing is withdrawn until one of "
                    "them is removed"
                )
        return ""
