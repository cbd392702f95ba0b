"""Which requests a scan makes, one after the other, and when it stops because the answers would not be the whole.

Two, or three with the limits of QOS, whatever the number of accounts: slurmrestd keeps the memory of each answer, and
answers several at once hardly sooner. They are no snapshot: an account that is made meanwhile may lack its texts, which
is then its problem.
"""

from typing import Any

from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.slurm.assembly import Reading
from waldur_import_agent.scanners.slurm.associations import ROOT, AccountRow, ClusterRows
from waldur_import_agent.scanners.slurm.limits import QosLimits
from waldur_import_agent.scanners.slurm.reading import choose_cluster, root_missing
from waldur_import_agent.scanners.slurm.rights import (
    OPERATOR,
    SEES_ALL,
    SUPERUSER,
    Config,
    why_accounts_partial,
)
from waldur_import_agent.scanners.slurmrestd.accounts import AccountList
from waldur_import_agent.scanners.slurmrestd.associations import Associations
from waldur_import_agent.scanners.slurmrestd.client import Slurmrestd
from waldur_import_agent.scanners.slurmrestd.limits import read_qos
from waldur_import_agent.scanners.slurmrestd.settings import SlurmrestdSettings
from waldur_import_agent.scanners.slurmrestd.versions import ApiVersion

NOT_TOLD = Config("", None)
"""slurmrestd does not tell PrivateData of slurmdbd.conf."""


class RestReader:
    """Reads one cluster. All methods raise BackendUnavailableError or BackendMisconfiguredError."""

    def __init__(self, rest: Slurmrestd, version: ApiVersion, settings: SlurmrestdSettings) -> None:
        self._rest = rest
        self._version = version
        self._settings = settings
        self._doubts: list[str] = []

    async def read(self) -> Reading:
        """Everything that a scan needs. Raises where it would be a part."""
        accounts = await self._accounts()
        cluster, found, root = await self._associations()
        await self._refuse_partial(found)
        here = {row.account for row in found.rows}
        if taken_over := accounts.taken_over(here):
            self._doubts.append(taken_over)
        organizations, descriptions = accounts.texts(here)
        return Reading(
            cluster=cluster,
            found=found,
            root=root,
            organizations=organizations,
            descriptions=descriptions,
            coordinators=accounts.coordinators if self._settings.coordinators else None,
            qos=await self._qos() if self._settings.limits.source == "qos" else None,
            warnings=tuple(self._doubts),
            whole=not self._doubts,
        )

    async def cluster(self) -> str:
        """The cluster's name as the database has it. Raises BackendMisconfiguredError, naming those there are."""
        names: list[str] = []
        await self._get("clusters/", "clusters", lambda rows: names.extend(str(row.get("name")) for row in rows))
        return choose_cluster(sorted(names), self._settings.cluster)

    async def check_rights(self, cluster: str) -> str:
        """Raise where the token's user does not see all, by the account root alone; what tells that he does."""
        rows = Associations(own=False)
        await self._get(f"associations/?account={ROOT}&cluster={cluster}", "associations", rows.take)
        found = rows.clusters().get(cluster, ClusterRows())
        if found.root is None:
            raise root_missing(cluster, NOT_TOLD)
        accounts = AccountList()
        await self._get(f"account/{ROOT}", "accounts", accounts.take)
        error = why_accounts_partial(accounts.organizations)
        if error is not None:
            raise error
        return await self._refuse_partial(found)

    async def _get(self, path: str, key: str, take: Any) -> None:
        rest = await self._rest.get(f"slurmdb/{self._version.name}/{path}", key, take)
        self._doubts += rest.doubts

    async def _accounts(self) -> AccountList:
        query = f"?{self._version.coordinators}" if self._settings.coordinators and self._version.coordinators else ""
        accounts = AccountList()
        await self._get(f"accounts/{query}", "accounts", accounts.take)
        error = why_accounts_partial(accounts.organizations)
        if error is not None:
            raise error
        return accounts

    async def _associations(self) -> tuple[str, ClusterRows, AccountRow]:
        wanted = self._settings.cluster
        clusters = await self._rows(wanted)
        if not clusters:  # a wrong cluster's list is empty too
            proper = await self.cluster()
            if proper != wanted:  # 24.11 compares with regard to case
                clusters = await self._rows(proper)
        cluster = choose_cluster(sorted(clusters), wanted) if clusters else wanted or ""
        found = clusters.get(cluster, ClusterRows())
        if found.root is None:
            raise root_missing(cluster, NOT_TOLD)
        return cluster, found, found.root

    async def _rows(self, cluster: str | None) -> dict[str, ClusterRows]:
        # own QOS lists do not tell `+low` from `low`: where QOS are what is offered, those that hold are asked for
        own = self._settings.identity != "account-qos" and self._version.own_limits
        query = "&".join(filter(None, (f"cluster={cluster}" if cluster else "", own or "")))
        rows = Associations(own=bool(own))
        await self._get(f"associations/{'?' * bool(query)}{query}", "associations", rows.take)
        return rows.clusters()

    async def _refuse_partial(self, found: ClusterRows) -> str:
        """Raise where SLURM may show the token's user only a part of the associations; else what tells that not.

        PrivateData=users hides users from who is no Operator, root above all, whom slurmdbd makes a member of the
        account root on each cluster. Where somebody removed him, the AdminLevel tells.
        """
        members = found.members.get(ROOT)
        if members is not None and SUPERUSER in members.users():
            return f"the user {SUPERUSER} can be seen"
        user = await self._rest.user()
        if user == SUPERUSER:
            return f"{SUPERUSER} is who sees all"
        level = await self._level(user) if user else ""
        if level in SEES_ALL:
            return f"the user {user} has AdminLevel {level}"
        who = f"the token's user {user or '(unknown)'} has {f'AdminLevel {level}' if level else 'no AdminLevel'}"
        raise BackendMisconfiguredError(
            f"SLURM may show the agent only a part of the accounts: the user {SUPERUSER} cannot be seen, and {who}",
            remedy=OPERATOR.format(word="users"),
        )

    async def _level(self, user: str) -> str:
        """A user's AdminLevel, as far as it is told: a word, or a list of one."""
        levels: list[Any] = []
        await self._get(
            f"user/{user}", "users", lambda rows: levels.extend(row.get("administrator_level") for row in rows)
        )
        level = levels[0] if levels else ""
        return str(level[0] if isinstance(level, list) and level else level or "")

    async def _qos(self) -> QosLimits:
        rows: list[Any] = []
        await self._get("qos/", self._version.qos_key, rows.extend)
        return read_qos(rows, self._version.untold_of_qos)
