"""The hint which project a resource may belong to."""

from support.builders import found
from waldur_import_agent.placement import Candidates
from waldur_import_agent.records import Ancestor, FoundResource, Project


def project(number: int, slug: str, name: str = "", backend_id: str = "") -> Project:
    """A project with this slug; its name is nothing like it."""
    return Project(f"{number:032x}", slug, name or f"Nr {number}", backend_id)


def names(candidates: Candidates, resource: FoundResource) -> list[str]:
    """The slugs of what resembles the resource, the best first."""
    return [project.slug for project, _ in candidates.nearest(resource)]


PROJECTS = (
    project(1, "genomics-3"),
    project(2, "climate-7"),
    project(3, "g1", name="Arctic Genomics"),
    project(4, "g2", backend_id="hpc_gen0mics"),
)


def test_slug_name_and_backend_id_are_compared() -> None:
    """Each of the three may give the project away, in any case; what resembles nothing is no candidate."""
    resource = found("HPC_Genomics", parents=())
    assert names(Candidates(PROJECTS), resource) == ["g2", "genomics-3", "g1"]


def test_id_name_parent_and_organization_are_compared() -> None:
    """The project may stand in any of the resource's own texts."""
    nothing = {"name": "zzz", "parents": ()}
    for resource in (
        found("climate", **nothing),
        found("q", **nothing | {"name": "Climate"}),
        found("q", **nothing | {"parents": (Ancestor("1", "climate"), Ancestor("2", "genomics"))}),
        found("q", **nothing | {"attributes": {"organization": "climate"}}),
    ):
        assert names(Candidates(PROJECTS), resource) == ["climate-7"]


def test_scores_order_them() -> None:
    """The same text scores 1; fewer are given where fewer are asked for."""
    candidates = Candidates([project(1, "alpha2"), project(2, "alpha"), project(3, "alphas2")])
    scored = candidates.nearest(found("alpha", parents=()), 2)
    assert [(project.slug, round(score, 2)) for project, score in scored] == [("alpha", 1.0), ("alpha2", 0.91)]


def test_nothing_alike() -> None:
    """No hint is better than a wrong one."""
    assert Candidates(PROJECTS).nearest(found("xyz", parents=())) == []
    assert Candidates(()).nearest(found("xyz")) == []


def test_where_thousands_begin_alike() -> None:
    """What is rare in a text decides which projects are compared; where nothing is rare, some are all the same."""
    many = [project(number, f"project-{number:05}") for number in range(3000)]
    candidates = Candidates(many)
    assert names(candidates, found("project-02999", parents=()))[0] == "project-02999"
    assert len(names(candidates, found("project", parents=()))) == 3
