"""The accounts of one cluster as a tree, from rows and texts. Pure functions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from waldur_import_agent.records import Ancestor, Attribute
from waldur_import_agent.scanners.slurm.parse import Association, Texts, is_valid, readable

ROOT = "root"
"""The account above all others of a cluster; SLURM makes it and it cannot be renamed."""


@dataclass(slots=True)
class Account:
    """An account on the cluster with its place and its members.

    `depth` is 1 for a child of root; `parents` are those above without root, the nearest first. A text is None where it
    could not be read; then `problems` says so.
    """

    row: Association
    parent: str
    depth: int
    parents: tuple[Ancestor, ...]
    organization: str | None
    description: str | None
    problems: tuple[str, ...]
    has_children: bool
    users: set[str] = field(default_factory=set)
    partitions: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The account's name, exactly as SLURM has it."""
        return self.row.account

    @property
    def texts(self) -> dict[str, Attribute]:
        """Description and organization, as far as they could be read."""
        texts = {"description": self.description, "organization": self.organization}
        return {name: text for name, text in texts.items() if text is not None}


@dataclass(frozen=True, slots=True)
class Tree:
    """The accounts below root, and the names of those whose way up to root is not in the rows."""

    accounts: Sequence[Account]
    detached: Sequence[str]


def build_tree(rows: Sequence[Association], organizations: Texts, descriptions: Texts) -> Tree | None:
    """The tree of one cluster's rows, or None without the row of its root: then they are not all rows there are."""
    root = next((row for row in rows if row.account == ROOT and not row.user and row.parent_id == "0"), None)
    if root is None:
        return None
    children: defaultdict[str, list[Association]] = defaultdict(list)
    for row in rows:
        if not row.user and row is not root:
            children[row.parent_id].append(row)
    accounts: dict[str, Account] = {}
    level = [_Place(row, ROOT, ()) for row in children.pop(root.id, [])]
    depth = 1
    while level:
        below = []
        for place in level:
            row = place.row
            organization = _Text.of("organization", row, organizations)
            description = _Text.of("description", row, descriptions)
            own_children = children.pop(row.id, [])
            account = Account(
                row=row,
                parent=place.parent,
                depth=depth,
                parents=place.parents,
                organization=organization.text,
                description=description.text,
                problems=organization.problems + description.problems,
                has_children=bool(own_children),
            )
            accounts[row.account] = account
            if own_children:  # made once, and shared by all below
                name = readable(row.account)
                chain = (Ancestor(name, name, account.texts), *place.parents)
                below += [_Place(child, row.account, chain) for child in own_children]
        level, depth = below, depth + 1
    _add_members(accounts, rows)
    return Tree(list(accounts.values()), sorted(row.account for rest in children.values() for row in rest))


def _add_members(accounts: Mapping[str, Account], rows: Iterable[Association]) -> None:
    """A row with a user is a member's; there are several where he is in several partitions."""
    for row in rows:
        if row.user and row.account in accounts:
            accounts[row.account].users.add(row.user)
            if row.partition:
                accounts[row.account].partitions.add(row.partition)


@dataclass(frozen=True, slots=True)
class _Place:
    """An account's own row, the name of the account above, and all above but root."""

    row: Association
    parent: str
    parents: tuple[Ancestor, ...]


@dataclass(frozen=True, slots=True)
class _Text:
    """One text of an account, None where it could not be read, and what is wrong with it."""

    text: str | None
    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: str, row: Association, texts: Texts) -> "_Text":
        if row.account in texts.doubtful:
            return cls(
                None, (f"{kind} unreadable: a line in the text of an account looks like the start of another's",)
            )
        text = texts.known.get(row.account)
        if text is None:
            return cls(None, (f"{kind} missing: `show account` did not list the account when it was asked for it",))
        if not is_valid(text):
            return cls(readable(text), (f"{kind} is not valid UTF-8: shown with \\x.. for the bytes that are wrong",))
        return cls(text)
