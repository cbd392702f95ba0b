"""The projects that a round may place into: gathered from the configured sources, each in a bounded number of requests.

In requests to Waldur: the directory costs none, the service provider's projects one and a list, the visible projects a
list, and those of the offering's resources none, since the resources are read anyway. A list of one page (300) is one
request, a longer one costs one for each page and one more, since its first page is read again at the end.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from waldur_import_agent.fulfilment.outcome import first
from waldur_import_agent.fulfilment.waldur_side import WaldurSide
from waldur_import_agent.placement import read_directory, read_in_time
from waldur_import_agent.records import Known, Offering, Project
from waldur_import_agent.settings.models import Projects, ProjectSource
from waldur_import_agent.system import now
from waldur_import_agent.waldur.errors import REFUSALS, WaldurError

NAMES: Mapping[ProjectSource, str] = {
    "directory": "the directory file",
    "service_provider": "the service provider",
    "visible": "what the token sees",
    "resources": "the offering's resources",
}
REMEDIES: Mapping[ProjectSource, str] = {
    "service_provider": "Give the service account the role CUSTOMER.OWNER in the offering's organization, or set "
    "projects.sources without service_provider",
    "visible": "Give the service account a role in the projects or their organizations, or set projects.sources "
    "without visible",
}
SEES_NO_PROJECT = (
    "the token can see no project: OFFERING.MANAGER alone sees none, and so does the provider's own CUSTOMER.OWNER. "
    "Let staff run `waldur-import-agent projects export --token-file STAFF --file directory.csv` and name that file as "
    "projects.directory_file, or give the service account a role in the projects or their organizations, or fill in "
    "the worksheet of `waldur-import-agent plan --output csv` with UUIDs"
)

NO_PROJECT_IS_KNOWN = (
    "no project is known: the configured projects.sources give none. service_provider knows projects that have used "
    "the provider already, and resources those of the offering's resources: neither helps at the beginning. Let staff "
    "run `waldur-import-agent projects export --token-file STAFF --file directory.csv` and name that file as "
    "projects.directory_file, or fill in the worksheet of `waldur-import-agent plan --output csv` with UUIDs"
)


@dataclass(frozen=True, slots=True)
class SourceState:
    """What one source gave: the number of projects, and the same in words; `refusal` is why it gave none."""

    name: str
    count: int
    said: str
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The projects of all sources, each once; what was found where, and what is wrong with a source.

    `remarks` are refusals of a source beside others that answer: a token keeps its rights from round to round.
    """

    projects: tuple[Project, ...] = ()
    note: str = ""
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    sources: tuple[SourceState, ...] = ()


@dataclass(slots=True)
class ProjectSources:
    """Asks the configured sources of projects for one offering."""

    settings: Projects
    side: WaldurSide
    warnings: list[str] = field(default_factory=list)

    async def gather(self, offering: Offering, known: Known) -> Gathered:
        """The projects of all sources. A source that Waldur refuses is a warning, unless it refuses every one.

        Raises ConfigurationError where the directory file cannot be read, and WaldurError.
        """
        in_use = self.settings.sources_in_use
        found: dict[str, Project] = {}
        sources: list[SourceState] = []
        refused: list[WaldurError] = []
        for source in in_use:
            try:
                projects, remark = await self._ask(source, offering, known)
            except REFUSALS as error:
                refused.append(error)
                why = f"{NAMES[source]} gives no projects: {error.args[0]}. {REMEDIES[source]}"
                sources.append(SourceState(NAMES[source], 0, "refused", why))
                continue
            _add(found, projects)
            sources.append(SourceState(NAMES[source], len(projects), f"{len(projects)}{remark}"))
        if len(refused) == len(in_use):
            raise refused[-1]
        if not found and not {"directory", "visible"} & set(in_use):
            self.warnings.append(NO_PROJECT_IS_KNOWN)
        sees_none = any((source.name, source.said) == (NAMES["visible"], "0") for source in sources)
        if sees_none and self.settings.directory_file is None:
            self.warnings.append(SEES_NO_PROJECT)
        said = ", ".join(f"{source.name} {source.said}" for source in sources)
        return Gathered(
            tuple(found.values()),
            f"{len(found)} projects are known ({said})",
            tuple(self.warnings),
            tuple(source.refusal for source in sources if source.refusal),
            tuple(sources),
        )

    async def _ask(self, source: ProjectSource, offering: Offering, known: Known) -> tuple[Sequence[Project], str]:
        """The projects of one source, and what else is to be told of it."""
        if source == "service_provider":
            return await self.side.provider_projects(offering.customer) if offering.customer else (), ""
        if source == "visible":
            return await self.side.visible_projects(), ""
        if source == "resources":
            return list(_of_resources(known)), ""
        return await self._directory()

    async def _directory(self) -> tuple[Sequence[Project], str]:
        path = self.settings.directory_file
        assert path is not None  # noqa: S101 - the settings have seen to it
        directory = await read_in_time(path, "directory file", read_directory)
        seconds = (now() - directory.written).total_seconds()
        age = _age(seconds)
        self.warnings += first(directory.problems)
        if seconds > self.settings.directory_max_age:
            self.warnings.append(
                f"the directory file {path} was written {age} ago: newer projects are not in it. Let staff run "
                "`waldur-import-agent projects export` again"
            )
        if not directory.projects:
            self.warnings.append(f"the directory file {path} holds no project")
        return directory.projects, f", written {age} ago"


def _of_resources(known: Known) -> Iterable[Project]:
    """The projects of the offering's resources, each once."""
    return {resource.project.uuid: resource.project for resource in known.resources if resource.project}.values()


def _add(found: dict[str, Project], projects: Iterable[Project]) -> None:
    """Add what is new. What an earlier source told of a project stays; what it did not tell is filled in."""
    for project in projects:
        first = found.setdefault(project.uuid, project)
        found[project.uuid] = replace(
            first,
            slug=first.slug or project.slug,
            backend_id=first.backend_id or project.backend_id,
            name=first.name or project.name,
            customer=first.customer or project.customer,
        )


def _age(seconds: float) -> str:
    """A time for people: in days from two days on, else in hours or minutes."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0) / 60:.0f} minutes"
