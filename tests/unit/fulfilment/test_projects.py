"""From where a round knows its projects, what that costs, and what it says where a source gives none."""

import os
import time
from pathlib import Path

import pytest

from support.builders import found
from support.site import Site
from waldur_import_agent.fulfilment.survey import Survey
from waldur_import_agent.sandbox import Answer, Fault, requests_to
from waldur_import_agent.sandbox import Project as SandboxProject

DAY = 86400


@pytest.fixture
def hidden(site: Site) -> SandboxProject:
    """A project that the token cannot see; it sees no other either."""
    site.sandbox.projects.clear()
    return site.sandbox.add_project("Hidden", "hidden", visible_to_agent=False)


def configure(site: Site, **projects: object) -> None:
    """Let the site place by the parent's name, with these further settings of `projects`."""
    rules = [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}]
    site.offering_settings = {"projects": {"rules": rules} | projects}


async def look(site: Site) -> Survey:
    """What the agent sees; the log then holds what it asked for."""
    site.sandbox.log.clear()
    async with site.agent() as answerer:
        return await answerer.surveyor.look()


def gets(site: Site, part: str) -> int:
    """How many requests for projects Waldur got at this address."""
    return site.asked("GET", part)


def directory(site: Site, *projects: SandboxProject, days: float = 0) -> Path:
    """A directory file of these projects, written so many days ago."""
    path = site.directory / "directory.csv"
    lines = [f"{project.uuid},{project.slug},{project.backend_id},{project.name},Org" for project in projects]
    path.write_text("\n".join(["uuid,slug,backend_id,name,customer", *lines]) + "\n")
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


async def test_each_source_costs_what_the_documentation_says(site: Site) -> None:
    """Service provider: one request and a list; visible: a list; the offering's resources: none of their own.

    A list of several pages costs one request for each and one more.
    """
    site.waldur_settings = {"page_size": 2}
    site.sandbox.grant(site.sandbox.agent, site.offering.customer)
    for number in range(4):
        project = site.sandbox.add_project(f"P{number}", f"p{number}")
        site.sandbox.add_resource(site.offering, project, f"r{number}")
    survey = await look(site)
    assert gets(site, "/marketplace-service-providers/?customer_uuid") == 1
    assert gets(site, "/projects/?") - gets(site, "/api/projects/?") == 2 + 1
    assert gets(site, "/api/projects/?") == 3 + 1
    with_all = gets(site, "/marketplace-provider-resources/")
    assert survey.notes == (
        "5 projects are known (the service provider 4, what the token sees 5, the offering's resources 4)",
    )
    configure(site, sources=["visible"])
    await look(site)
    assert gets(site, "/marketplace-provider-resources/") == with_all
    assert gets(site, "/marketplace-service-providers/") == 0


@pytest.mark.parametrize(
    ("source", "asked"),
    [("service_provider", (2, 0)), ("visible", (0, 1)), ("resources", (0, 0))],
)
async def test_only_the_configured_sources_are_asked(site: Site, source: str, asked: tuple[int, int]) -> None:
    """Each source alone gives the project that it knows, and no other one is asked."""
    site.sandbox.grant(site.sandbox.agent, site.offering.customer)
    site.sandbox.add_resource(site.offering, site.alpha, "r1")
    configure(site, sources=[source])
    survey = await look(site)
    assert [project.uuid for project in survey.projects] == [site.alpha.uuid]
    assert (gets(site, "/marketplace-service-providers/"), gets(site, "/api/projects/")) == asked


async def test_the_same_project_from_several_sources_is_one(site: Site) -> None:
    """A slug that all sources know is not ambiguous; what the first did not tell, a later one fills in."""
    site.sandbox.grant(site.sandbox.agent, site.offering.customer)
    site.sandbox.add_resource(site.offering, site.alpha, "r1")
    configure(site, sources=["resources", "visible", "service_provider"])
    site.finds("hpc_one")
    survey = await look(site)
    (project,) = survey.projects
    assert (project.slug, project.name, project.customer) == ("alpha", "Project Alpha", "Consumer Org")
    assert survey.placer.place(found("hpc_one")).project == project


async def test_directory_alone_asks_for_no_project(site: Site, hidden: SandboxProject) -> None:
    """With a directory file, no request for projects is made unless other sources are configured; its age is told."""
    configure(site, directory_file=str(directory(site, hidden, days=3)))
    request = site.ask()
    site.finds(found("hpc_one", parent="hpc_hidden"))
    site.sandbox.log.clear()
    await site.round()
    assert request.state == "Done"
    assert [record.project for record in site.records()] == [hidden]
    assert gets(site, "projects/") == gets(site, "service-providers") == 0
    survey = await look(site)
    assert survey.notes == ("1 projects are known (the directory file 1, written 3 days ago)",)
    assert survey.warnings == ()


async def test_directory_beside_other_sources(site: Site, hidden: SandboxProject) -> None:
    """Sources that are configured beside the directory are asked too."""
    seen = site.sandbox.add_project("Seen", "seen")
    configure(site, directory_file=str(directory(site, hidden)), sources=["directory", "visible"])
    survey = await look(site)
    assert [project.uuid for project in survey.projects] == [hidden.uuid, seen.uuid]


async def test_old_directory_is_warned_of(site: Site, hidden: SandboxProject) -> None:
    """A directory that is older than allowed says so, with its age and what staff do; it is used nevertheless."""
    path = directory(site, hidden, days=8)
    configure(site, directory_file=str(path))
    survey = await look(site)
    (warning,) = survey.warnings
    assert "was written 8 days ago" in warning
    assert "projects export" in warning
    configure(site, directory_file=str(path), directory_max_age="9d")
    assert (await look(site)).warnings == ()


async def test_bad_lines_of_the_directory_and_an_empty_one(site: Site) -> None:
    """A bad line is a warning with its number, and a directory without any project is named."""
    path = site.directory / "directory.csv"
    path.write_text("uuid,slug\nnonsense,x\n")
    configure(site, directory_file=str(path))
    survey = await look(site)
    assert survey.warnings == (f"{path}:2: uuid: this is not a UUID", f"the directory file {path} holds no project")


async def test_refused_source_is_a_warning_where_another_gives_projects(site: Site) -> None:
    """A manager of the offering may not list the provider's projects: told with the remedy; the rest is reported."""
    request = site.ask()
    site.finds("hpc_one")
    await site.round()
    assert request.state == "Done"
    assert site.ids() == ["hpc_one"]
    survey = await look(site)
    assert survey.warnings == ()
    (warning,) = survey.remarks
    assert warning.startswith("the service provider gives no projects: Waldur refused GET")
    assert "CUSTOMER.OWNER" in warning
    assert "projects.sources without service_provider" in warning
    assert "the service provider refused" in survey.notes[0]


async def test_refused_source_is_warned_of_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A token keeps its rights: from the second round on it is no warning any more, though it is still said."""
    caplog.set_level("INFO")
    site.finds("hpc_one")
    async with site.agent() as answerer:
        for _ in range(3):
            site.ask()
            await answerer.answer()
    said = [entry.levelname for entry in caplog.records if "the service provider gives no projects" in entry.message]
    assert said == ["WARNING", "INFO", "INFO"]


@pytest.mark.parametrize("sources", [["service_provider"], ["resources"], ["service_provider", "resources"]])
async def test_sources_that_know_nothing_yet(site: Site, sources: list[str]) -> None:
    """Where the token's own projects are not asked for, it is said that these sources do not help at the beginning."""
    site.sandbox.grant(site.sandbox.agent, site.offering.customer)
    configure(site, sources=sources)
    (warning,) = (await look(site)).warnings
    assert warning.startswith("no project is known: the configured projects.sources give none")
    assert "projects export" in warning
    site.sandbox.add_resource(site.offering, site.alpha, "r1")
    assert (await look(site)).warnings == ()


async def test_id_that_a_spreadsheet_has_changed_is_warned_of(site: Site) -> None:
    """The line and the id that it was are named, unless a part of the backend could not be read."""
    overrides = site.directory / "overrides.csv"
    overrides.write_text("backend_id,project\n1E+05,alpha\n")
    configure(site, overrides_file=str(overrides))
    site.finds(found("1E5", parent="x"))
    (warning,) = (await look(site)).warnings
    assert warning.startswith(f"{overrides}:2: '1E+05' was not found on the backend")
    assert "'1e5' is there" in warning.casefold()
    site.finds(found("1E5", parent="x"), complete=False)
    assert (await look(site)).warnings == ()


@pytest.mark.parametrize("status", [403, 404])
async def test_all_sources_refused_ends_erred(site: Site, status: int) -> None:
    """Where every configured source is refused, the request ends Erred in the server's words."""
    configure(site, sources=["service_provider", "visible"])
    site.sandbox.faults.append(Fault(requests_to("GET", "/api/projects/"), Answer(status, {"detail": "Not yours."})))
    request = site.ask()
    await site.round()
    assert request.state == "Erred"
    assert "Not yours" in request.error_message


async def test_provider_that_is_none_gives_no_projects(site: Site) -> None:
    """An organization without the provider's side is no failure: the other sources are asked."""
    site.sandbox.faults.append(
        Fault(requests_to("GET", "/api/marketplace-service-providers/"), Answer(200, [], {"X-Result-Count": "0"}))
    )
    survey = await look(site)
    assert "the service provider 0, what the token sees 1" in survey.notes[0]
    assert survey.warnings == ()


async def test_token_that_sees_no_project_is_named_beside_other_sources(site: Site, hidden: SandboxProject) -> None:
    """The offering's resources may name some projects; that the token itself sees none is told all the same."""
    site.sandbox.add_resource(site.offering, hidden, "r1")
    survey = await look(site)
    assert [project.uuid for project in survey.projects] == [hidden.uuid]
    assert any("the token can see no project" in warning for warning in survey.warnings)
    assert any("projects.directory_file" in warning for warning in survey.warnings)


async def test_override_by_uuid_needs_no_source(site: Site, hidden: SandboxProject) -> None:
    """A UUID in the overrides file places what the token cannot see, since Waldur accepts it; a slug does not."""
    overrides = site.directory / "overrides.csv"
    overrides.write_text(f"backend_id,project\nby_uuid,{hidden.uuid}\nby_slug,hidden\n")
    configure(site, overrides_file=str(overrides))
    site.ask()
    site.finds(found("by_uuid", parent="x"), found("by_slug", parent="x"))
    report = await site.round()
    assert [(record.backend_id, record.project) for record in site.records()] == [("by_uuid", hidden)]
    assert [reason.backend_id for reason in report.reasons()] == ["by_slug"]


async def test_override_with_a_uuid_that_is_nowhere_is_refused_by_waldur(site: Site) -> None:
    """A wrong UUID is not guessed about: Waldur refuses the record, and the request says so."""
    overrides = site.directory / "overrides.csv"
    overrides.write_text(f"backend_id,project\nhpc_one,{'9' * 32}\n")
    configure(site, overrides_file=str(overrides))
    request = site.ask()
    site.finds("hpc_one")
    await site.round()
    assert request.state == "Erred"
    assert "9" * 32 in request.error_message


async def test_holding_project_takes_the_rest(site: Site) -> None:
    """What nothing else places is reported into the holding project, also where the token cannot see that one."""
    holding = site.sandbox.add_project("Holding", "holding", visible_to_agent=False)
    configure(site, holding_project=holding.uuid)
    request = site.ask()
    site.finds("hpc_one", found("stray", parent="other"))
    await site.round()
    assert request.state == "Done"
    assert {record.backend_id: record.project for record in site.records()} == {"hpc_one": site.alpha, "stray": holding}
