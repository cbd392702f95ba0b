"""The worksheet: what no project could be told for, for a person to fill in. Filled in, it is the overrides file."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from waldur_import_agent.placement.candidates import Candidates
from waldur_import_agent.placement.overrides import decision
from waldur_import_agent.placement.table import Table, write_table
from waldur_import_agent.records import FoundResource, LeftOut, Project, id_key

FACTS = ("name", "parents", "organization", "description", "user_count", "reason", "candidates")
COLUMNS = ("backend_id", "project", *FACTS)


def write_worksheet(
    undecided: Iterable[LeftOut],
    found: Iterable[FoundResource],
    projects: Sequence[Project],
    filled: Sequence[Table] = (),
    *,
    ignore_case: bool,
) -> str:
    """The worksheet as CSV: first the lines of `filled` in which somebody named a project, then what is undecided.

    A filled line keeps its project and what people wrote into columns of their own, also when its resource is placed
    by it or is no longer found; facts of what is found are those of now. Cells are separated as in the last of
    `filled`.
    """
    sheet = _Sheet(undecided, found, projects, filled, ignore_case=ignore_case)
    delimiter = filled[-1].delimiter if filled else ","
    return write_table((*COLUMNS, *sheet.own_columns), sheet.rows(), delimiter=delimiter)


class _Sheet:
    def __init__(
        self,
        undecided: Iterable[LeftOut],
        found: Iterable[FoundResource],
        projects: Sequence[Project],
        filled: Sequence[Table],
        *,
        ignore_case: bool,
    ) -> None:
        self._ignore_case = ignore_case
        self._undecided = {self._key(item.resource.backend_id): item for item in undecided}
        self._found = {self._key(resource.backend_id): resource for resource in found}
        self._candidates = Candidates(projects)
        self._slugs = Counter(project.slug for project in projects)
        columns = dict.fromkeys(column for table in filled for column in table.columns)
        self.own_columns = tuple(column for column in columns if column and column not in COLUMNS)
        self._lines = [row.cells for table in filled for row in table.rows]
        self._decisions = [decision(row) for table in filled for row in table.rows]

    def rows(self) -> Iterator[Sequence[object]]:
        done: set[tuple[str, str]] = set()
        notes: dict[str, Mapping[str, str]] = {}
        decided: set[str] = set()
        for cells, (backend_id, project) in zip(self._lines, self._decisions, strict=True):
            key = self._key(backend_id)
            if not project:
                notes.setdefault(key, cells)
            elif (key, project) not in done:
                done.add((key, project))
                decided.add(key)
                yield (backend_id, project, *self._facts(key, cells), *self._own(cells))
        for key, item in self._undecided.items():
            if key not in decided:
                cells = notes.get(key, {})
                yield (item.resource.backend_id, "", *self._facts(key, cells), *self._own(cells))

    def _facts(self, key: str, cells: Mapping[str, str]) -> Sequence[object]:
        resource = self._found.get(key)
        if resource is None:
            kept = [cells.get(column, "") for column in FACTS[:-2]]
            return (*kept, "not found on the backend", "")
        undecided = self._undecided.get(key)
        return (
            resource.name,
            " < ".join(parent.name for parent in resource.parents),
            resource.attributes.get("organization"),
            resource.attributes.get("description"),
            resource.user_count,
            undecided.why if undecided else "",
            " | ".join(self._shown(resource)) if undecided else "",
        )

    def _shown(self, resource: FoundResource) -> Iterator[str]:
        """The nearest projects, each by what may be copied into the column `project`, the best one first."""
        for project, score in self._candidates.nearest(resource):
            name = project.slug if self._slugs[project.slug] == 1 and project.slug else project.uuid
            yield f"{name} {score:.2f} ({', '.join(filter(None, (project.name, project.customer)))})"

    def _own(self, cells: Mapping[str, str]) -> list[str]:
        return [cells.get(column, "") for column in self.own_columns]

    def _key(self, backend_id: str) -> str:
        return id_key(backend_id, ignore_case=self._ignore_case)
