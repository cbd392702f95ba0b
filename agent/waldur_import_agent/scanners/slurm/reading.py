"""Which reads a scan makes, one after the other, and when it stops because the answers would not be the whole.

One after the other, since slurmdbd answers several at once hardly sooner, and so that only one answer at a time is in
memory. The reads are no snapshot: an account that is made meanwhile may lack a text, which is then its problem.
"""

import asyncio
import os
import pwd
from collections.abc import Callable, Mapping
from typing import TypeVar

from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.slurm import reads
from waldur_import_agent.scanners.slurm.assembly import Reading
from waldur_import_agent.scanners.slurm.associations import AccountRow, ClusterRows, parse_associations
from waldur_import_agent.scanners.slurm.limits import parse_qos
from waldur_import_agent.scanners.slurm.reads import CAREFUL, AssociationRead
from waldur_import_agent.scanners.slurm.rights import (
    OPERATOR,
    Config,
    parse_config,
    parse_coordinators,
    parse_levels,
    why_accounts_partial,
    why_partial,
)
from waldur_import_agent.scanners.slurm.saved import Answers
from waldur_import_agent.scanners.slurm.settings import SlurmSettings
from waldur_import_agent.scanners.slurm.text import UnreadableError, decode, lines
from waldur_import_agent.scanners.slurm.texts import Texts, parse_texts, split_texts, unmatched

MAX_STARTS = 6
"""A scan starts sacctmgr at most so often, whatever the number of accounts."""
T = TypeVar("T")


class ClusterReader:
    """Reads one cluster. All methods raise BackendUnavailableError or BackendMisconfiguredError."""

    def __init__(self, answers: Answers, settings: SlurmSettings) -> None:
        self._answers = answers
        self._settings = settings
        self._asked = 0
        self.config = Config("", None)

    async def read(self) -> Reading:
        """Everything that a scan needs, in four to six starts of sacctmgr. Raises where it would be a part."""
        settings = self._settings
        self.config, levels = await self.rights()
        if settings.coordinators and not levels:
            levels = decode(await self._answer("users", reads.COORDINATORS))
        self.refuse_partial(levels)
        cluster, found, root, warnings = await self._associations()
        names = {row.account: row.account for row in found.rows}
        organizations, descriptions = await self._both_texts(names | {name: name for name in found.left_out})
        warnings += _believe_less(found, names, organizations)
        qos = None
        if settings.limits.source == "qos":
            qos = await self._parsed("show qos", parse_qos, await self._answer("qos", reads.QOS))
        return Reading(
            cluster=cluster,
            found=found,
            root=root,
            organizations=organizations,
            descriptions=descriptions,
            coordinators=parse_coordinators(levels) if settings.coordinators else None,
            qos=qos,
            warnings=warnings,
        )

    async def rights(self) -> tuple[Config, str]:
        """SLURM's configuration and, only where it can hide associations, the users with their AdminLevel."""
        config = parse_config(decode(await self._answer("config", reads.CONFIG)))
        if not config.hides_associations:
            return config, ""
        words = reads.COORDINATORS if self._settings.coordinators else reads.USERS
        return config, decode(await self._answer("users", words))

    def refuse_partial(self, levels: str) -> str:
        """The local user's AdminLevel where SLURM shows him all. Raises BackendMisconfiguredError where it does not."""
        known, user = parse_levels(levels), local_user()
        error = why_partial(self.config, known, user)
        if error is not None:
            raise error
        return known.get(user, "")

    async def cluster(self) -> str:
        """The cluster's name as the database has it. Raises BackendMisconfiguredError, naming those there are."""
        printed = await self._answers.answer("clusters", reads.CLUSTERS)
        return choose_cluster(sorted(map(decode, lines(printed))), self._settings.cluster)

    async def check_root(self) -> None:
        """Raise where the row of the cluster's root cannot be seen. `config` must have been read."""
        cluster = await self.cluster()
        read = reads.association_read(self.config.version)
        words = read.words("where", f"cluster={cluster}", "account=root", "user=")
        answer = await self._answers.answer("root", words)
        rows = await self._parsed("show assoc", lambda printed: parse_associations(printed, read), answer)
        if cluster not in rows or rows[cluster].root is None:
            raise root_missing(cluster, self.config)

    async def check_accounts(self) -> None:
        """Raise where `show account` is refused, or gives a part: PrivateData=accounts, which `show assoc` ignores.

        `config` must have been read; where it hides no accounts nothing is asked.
        """
        if not self.config.hides_accounts:
            return
        names = decode(await self._answers.answer("root-account", reads.ROOT_ACCOUNT)).split("\n")
        error = why_accounts_partial([name for name in names if name])
        if error is not None:
            raise error

    async def _answer(self, name: str, words: tuple[str, ...]) -> bytes:
        self._asked += 1  # the number of starts, and the same where the answers are saved ones
        return await self._answers.answer(name, words)

    async def _associations(self) -> tuple[str, ClusterRows, AccountRow, tuple[str, ...]]:
        """The chosen cluster's name and rows. Where the fast read gives no tree, the careful one is asked too."""
        read = reads.association_read(self.config.version)
        cluster, found, root = await self._one_cluster("associations", read)
        if not found.inconsistent or read == CAREFUL:
            return cluster, found, root, ()
        why = f"the fast read of the associations ({read.option}, {','.join(read.place)}) gives no tree"
        warning = f"{why}: {found.inconsistent}. The slower read (wopl) is used"
        return *await self._one_cluster("associations-wopl", CAREFUL), (warning,)

    async def _one_cluster(self, name: str, read: AssociationRead) -> tuple[str, ClusterRows, AccountRow]:
        wanted = self._settings.cluster
        where = (f"cluster={wanted}",) if wanted else ()
        answer = await self._answer(name, read.words(*where))
        clusters = await self._parsed("show assoc", lambda printed: parse_associations(printed, read), answer)
        cluster = choose_cluster(sorted(clusters), wanted) if clusters else wanted or ""
        found = clusters.get(cluster, ClusterRows())
        if found.root is None:
            # a wrong cluster's list is empty too, with exit code 0; saved answers have no list of clusters
            raise root_missing(await self.cluster() if self._answers.starts else cluster, self.config)
        return cluster, found, found.root

    async def _both_texts(self, names: Mapping[str, str]) -> tuple[Texts, Texts]:
        """Organizations and descriptions: one after the other, or in one where only one start is left."""
        left = MAX_STARTS - self._asked - (self._settings.limits.source == "qos")
        if left > 1:
            organizations = await self._texts("organizations", reads.text_read(reads.ORGANIZATION), names)
            return organizations, await self._texts("descriptions", reads.text_read(reads.DESCRIPTION), names)
        return split_texts(await self._texts("texts", reads.BOTH_TEXTS, names))

    async def _texts(self, name: str, words: tuple[str, ...], names: Mapping[str, str]) -> Texts:
        answer = await self._answer(name, words)
        texts = await self._parsed("show account", lambda printed: parse_texts(printed, names), answer)
        error = why_accounts_partial(texts.known)
        if error is not None:
            raise error
        return texts

    async def _parsed(self, what: str, parse: Callable[[bytes], T], printed: bytes) -> T:
        """An answer as data, in a thread: a large one takes a second, and the loop goes on meanwhile."""
        try:
            return await asyncio.to_thread(parse, printed)
        except UnreadableError as error:
            raise BackendUnavailableError(
                f"the answer of sacctmgr {what} cannot be read: {error}",
                remedy="Run the same command as the agent's user: nothing but its rows may be on stdout. Saved answers "
                "of another release of the agent must be saved again",
            ) from error


def _believe_less(found: ClusterRows, names: Mapping[str, str], organizations: Texts) -> tuple[str, ...]:
    """Take accounts that cannot be told for certain out of the rows, and say so; then the scan is not complete."""
    said, apart = unmatched(names, organizations)
    found.leave_out(apart)
    doubts = [*found.doubts, *[said] * bool(said)]
    if not doubts:
        return ()
    found.inconsistent = found.inconsistent or "some names cannot be told from sacctmgr's own output"
    left_out = "What is uncertain is left out and nothing is withdrawn until the names in SLURM are changed"
    return tuple(f"{doubt}. {left_out}" for doubt in doubts)


def choose_cluster(there: list[str], wanted: str | None) -> str:
    """The wanted one of the clusters as the database calls it, or the only one where none is wanted.

    Raises BackendMisconfiguredError, naming those there are.
    """
    listed = ", ".join(there) or "none"
    if wanted is None:
        if len(there) == 1:
            return there[0]
        raise BackendMisconfiguredError(
            f"the accounting database has {len(there)} clusters, and none is chosen: {listed}",
            remedy="Set scanner.cluster to the one whose accounts this offering stands for",
        )
    for name in there:
        if name.casefold() == wanted.casefold():
            return name
    raise BackendMisconfiguredError(
        f"the accounting database has no cluster {wanted}; it has: {listed}",
        remedy="Set scanner.cluster to one of these, or let the agent read another accounting database",
    )


def root_missing(cluster: str, config: Config) -> BackendError:
    """The error for an answer without the row of the cluster's root account."""
    return BackendMisconfiguredError(
        f"SLURM does not show the agent the account root of the cluster {cluster} ({config}): what it shows is not all",
        remedy=OPERATOR.format(word="users"),
    )


def local_user() -> str:
    """The user that the agent runs as, by name; its number where it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
