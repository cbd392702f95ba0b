"""Lines as sacctmgr prints them, for clusters of few accounts."""

from waldur_import_agent.scanners.slurm.reads import FAST, RECORD, SEPARATOR, TEXTS_SEPARATOR, AssociationRead

CLUSTER = "testcluster"


def row(account: str, identity: int, *place: int, read: AssociationRead = FAST, **cells: str) -> str:
    """A line of `show assoc`; `place` is the parent's id, or left and right of the nested sets."""
    known = {"Cluster": CLUSTER, "Share": "1", "Account": account}
    numbers = dict(zip(read.place, map(str, (identity, *place)), strict=True))
    return "|".join({**known, **numbers, **cells}.get(column, "") for column in read.columns) + "\n"


def texts(**known: str) -> str:
    """The answer of a text read of root and these accounts."""
    return "".join(record(name, text) for name, text in {**known, "root": "root"}.items())


def record(name: str, text: str) -> str:
    """One record of a text read."""
    return f"{RECORD.decode()}{name}{SEPARATOR.decode()}{text}\n"


def both(organization: str, description: str) -> str:
    """The two texts as a read of both has them."""
    return f"{organization}{TEXTS_SEPARATOR.decode()}{description}"
