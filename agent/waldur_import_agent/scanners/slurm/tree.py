"""The accounts of one cluster as a tree, from rows and texts. Pure functions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from waldur_import_agent.records import Ancestor, Attribute
from waldur_import_agent.scanners.slurm.associations import ROOT, AccountRow, ClusterRows, Members
from waldur_import_agent.scanners.slurm.text import is_valid, readable
from waldur_import_agent.scanners.slurm.texts import Texts

NOBODY = Members()


@dataclass(slots=True)
class Account:
    """An account on the cluster with its place and its members.

    `depth` is 1 for a child of root; `parents` are those above without root, the nearest first. A text is None where it
    could not be read; then `problems` says so. `qos` are those that hold for it: its own list, else the nearest above.
    """

    row: AccountRow
    parent: str
    depth: int
    parents: tuple[Ancestor, ...]
    has_children: bool
    qos: tuple[str, ...]
    organization: str | None = None
    description: str | None = None
    problems: tuple[str, ...] = ()
    members: Members = NOBODY

    @property
    def name(self) -> str:
        """The account's name, exactly as SLURM has it."""
        return self.row.account

    @property
    def texts(self) -> dict[str, Attribute]:
        """Description and organization, as far as they could be read."""
        texts = {"description": self.description, "organization": self.organization}
        return {name: text for name, text in texts.items() if text is not None}

    def as_ancestor(self) -> Ancestor:
        """The account as something above another."""
        name = readable(self.name)
        return Ancestor(name, name, self.texts)


def accounts_below(
    root: AccountRow, found: ClusterRows, organizations: Texts, descriptions: Texts
) -> Iterator[Account]:
    """The accounts of one cluster below its root, parents before their children.

    One after the other, so that not all are in memory. Those whose way up to root is not in the rows do not come.
    """
    children: defaultdict[int, list[AccountRow]] = defaultdict(list)
    for row in found.rows:
        if row is not root:
            children[row.parent_id].append(row)
    level = [_Place(row, ROOT, (), effective_qos(root.qos, ())) for row in children.pop(root.id, [])]
    depth = 1
    while level:
        below = []
        for place in level:
            own_children = children.pop(place.row.id, [])
            account = _account(place, depth, found.members, organizations, descriptions, leaf=not own_children)
            if own_children:  # made once, and shared by all below
                chain = (account.as_ancestor(), *account.parents)
                below += [_Place(child, account.name, chain, account.qos) for child in own_children]
            yield account
        level, depth = below, depth + 1


def effective_qos(own: str, above: tuple[str, ...]) -> tuple[str, ...]:
    """The QOS that hold where a row's own list is `own` and those of the row above hold `above`.

    An empty list inherits; one of `+name` and `-name` (as `withraw` shows it) changes what is inherited.
    """
    words = [word for word in own.split(",") if word]
    if not words:
        return above
    if not all(word[0] in "+-" for word in words):
        return tuple(sorted(words))
    changed = set(above) | {word[1:] for word in words if word[0] == "+"}
    return tuple(sorted(changed - {word[1:] for word in words if word[0] == "-"}))


@dataclass(frozen=True, slots=True)
class _Place:
    """An account's own row, the name of the account above, all above but root, and the QOS that it inherits."""

    row: AccountRow
    parent: str
    parents: tuple[Ancestor, ...]
    qos: tuple[str, ...]


def _account(
    place: _Place, depth: int, members: Mapping[str, Members], organizations: Texts, descriptions: Texts, *, leaf: bool
) -> Account:
    row = place.row
    organization, wrong = _text("organization", row.account, organizations)
    description, wrong_too = _text("description", row.account, descriptions)
    return Account(
        row=row,
        parent=place.parent,
        depth=depth,
        parents=place.parents,
        has_children=not leaf,
        qos=effective_qos(row.qos, place.qos),
        organization=organization,
        description=description,
        problems=wrong + wrong_too + row.problems,
        members=members.get(row.account, NOBODY),
    )


def _text(kind: str, account: str, texts: Texts) -> tuple[str | None, tuple[str, ...]]:
    """One text of an account, None where it could not be read, and what is wrong with it."""
    if account in texts.doubtful:
        return None, (f"{kind} unreadable: a text of this account, or of one beside it, looks like a record itself",)
    text = texts.known.get(account)
    if text is None:
        return None, (f"{kind} missing: SLURM's list of accounts did not have the account when it was asked for it",)
    if not is_valid(text):
        return readable(text), (f"{kind} is not valid UTF-8: shown with \\x.. for the bytes that are wrong",)
    return text, ()
