"""Placement is pure: the overrides, what the mapping command answered, then the rules in their order.

The first that speaks decides. What then has no project goes to the holding project, where there is one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from waldur_import_agent.placement.overrides import Overrides
from waldur_import_agent.records import Ancestor, FoundResource, Placement, Project
from waldur_import_agent.settings.models import Rule

SHOWN_CANDIDATES = 4
"""How many of several projects with the same slug are named."""


class ProjectIndex:
    """The projects that are known, by each of the ways in which a rule may name one."""

    def __init__(self, projects: Iterable[Project]) -> None:
        self._by: dict[str, dict[str, list[Project]]] = {"slug": {}, "backend_id": {}, "uuid": {}}
        self._count = 0
        for project in projects:
            self._count += 1
            for way, value in (("slug", project.slug), ("backend_id", project.backend_id), ("uuid", project.uuid)):
                if value:
                    self._by[way].setdefault(value, []).append(project)

    def find(self, way: str, value: str, why: str) -> Placement:
        """The one project that `value` names by `way` (slug, backend_id or uuid), or the reason why there is none."""
        if way == "uuid":
            value = value.replace("-", "").lower()
        if not value:
            return Placement(None, f"{why} gives an empty {way}")
        found = self._by[way].get(value, [])
        if len(found) == 1:
            return Placement(found[0], f"{why} gives {way} {value!r}")
        if found:
            names = [f"{project.name} ({project.customer}) {project.uuid}" for project in found[:SHOWN_CANDIDATES]]
            return Placement(
                None,
                f"{why} gives {way} {value!r}, which {len(found)} projects have: {'; '.join(names)}. "
                "Name one by its UUID in the overrides file",
            )
        if not self._count:
            return Placement(None, f"{why} gives {way} {value!r}, but no project is known")
        return Placement(None, f"{why} gives {way} {value!r}, which none of the {self._count} known projects has")

    def find_any(self, value: str, why: str) -> Placement:
        """The project that somebody named by UUID or by slug.

        A UUID is taken as it is where no such project is known: Waldur takes a record for a project that the token
        cannot see, and refuses one for a project that is not there.
        """
        if not re.fullmatch(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}", value):
            return self.find("slug", value, why)
        placement = self.find("uuid", value, why)
        if placement.project is not None:
            return placement
        uuid = value.replace("-", "").lower()
        return Placement(Project(uuid, "", uuid), f"{why} gives uuid {value!r}, which is not among the known projects")


class Placer:
    """Places found resources: by the overrides, the mapping command, the rules; the rest in the holding project.

    `mapped` is what the mapping command answered: slug or UUID by backend_id.
    """

    def __init__(
        self,
        projects: Iterable[Project],
        rules: Sequence[Rule],
        overrides: Overrides | None = None,
        *,
        mapped: Mapping[str, str] | None = None,
        holding_project: str | None = None,
    ) -> None:
        self._index = ProjectIndex(projects)
        self._overrides = overrides or Overrides()
        self._mapped = mapped or {}
        self._holding_project = holding_project
        self._rules = [(number, rule, re.compile(rule.match)) for number, rule in enumerate(rules, start=1)]

    def place(self, resource: FoundResource) -> Placement:
        """The project of `resource`, or the reason why none can be told; never the first of several."""
        placement = self._told(resource)
        if placement.project is not None or self._holding_project is None:
            return placement
        holding = self._index.find_any(self._holding_project, "projects.holding_project")
        if holding.project is None:
            return Placement(None, f"{placement.why}; {holding.why}")
        return Placement(holding.project, f"held by the holding project, since {placement.why}", holding=True)

    def _told(self, resource: FoundResource) -> Placement:
        override = self._overrides.project_of(resource.backend_id)
        if override is not None:
            value, line = override
            return self._index.find_any(value, f"line {line} of the overrides file")
        if resource.backend_id in self._mapped:
            return self._index.find_any(self._mapped[resource.backend_id], "the mapping command")
        tried: list[str] = []
        for number, rule, pattern in self._rules:
            texts = list(_texts(resource, rule.source))
            for text in texts:
                match = pattern.search(text)
                if match is not None:
                    groups = {name: value or "" for name, value in match.groupdict().items()}
                    why = f"rule {number} ({rule.source} is {text!r})"
                    return self._index.find(rule.by, rule.value.format_map(groups).strip(), why)
            seen = ", ".join(repr(text) for text in texts) if texts else "not there"
            tried.append(f"rule {number}: {rule.source} is {seen}")
        if not tried:
            return Placement(None, "no placement rule is configured and no line of the overrides file names it")
        return Placement(None, f"no rule matches ({'; '.join(tried)})")


def _texts(resource: FoundResource, source: str) -> Iterator[str]:
    """The texts that a rule's `from` names, nearest ancestor first."""
    where, _, attribute = source.partition(".")
    if where == "parent":
        yield from _values(resource.parents[:1], attribute or "name")
    elif where == "ancestor":
        yield from _values(resource.parents, attribute or "name")
    else:
        yield from _values([resource], source)


def _values(things: Iterable[FoundResource | Ancestor], attribute: str) -> Iterator[str]:
    for thing in things:
        own = {"name": thing.name, "backend_id": thing.backend_id}
        if isinstance(thing, FoundResource):
            own["kind"] = thing.kind
        value = own.get(attribute, thing.attributes.get(attribute))
        if value is not None:
            yield str(value)
