"""Projects as found resources: names, parents, tags, and which are offered."""

from typing import Any

import pytest

from unit.scanners.openstack.fake_cloud import FakeCloud
from unit.scanners.openstack.scanning import found, scan
from waldur_import_agent.records import Ancestor

DEFAULT = Ancestor("default", "Default", {"type": "domain"})


async def test_a_project_is_its_id_and_its_name(cloud: FakeCloud) -> None:
    """With description, tags in one text, and the domain."""
    resource = (await found(cloud))["tagged"]
    assert resource.backend_id == "93fbe1c21a03446bb1d8e4c7fc583db9"
    assert resource.kind == "OpenStack project"
    assert resource.attributes == {
        "tags": "cost center 7,vo:einfra,waldur,ünï-tag",
        "domain": "Default",
        "domain_id": "default",
        "enabled": True,
    }
    assert resource.parents == (DEFAULT,)
    assert resource.limits == {}
    assert resource.problems == ()


async def test_the_chain_of_parents_begins_with_the_nearest(cloud: FakeCloud) -> None:
    """Projects first, the domain last."""
    cloud.project("nest")["description"] = "above all"
    cloud.project("nest-child")["tags"] = ["b", "a"]
    resource = (await found(cloud))["nest-grandchild"]
    child, nest = (cloud.project(name)["id"] for name in ("nest-child", "nest"))
    assert resource.parents == (
        Ancestor(child, "nest-child", {"type": "project", "domain": "Default", "tags": "a,b"}),
        Ancestor(nest, "nest", {"type": "project", "domain": "Default", "description": "above all"}),
        DEFAULT,
    )


async def test_awkward_names_arrive_as_they_are(cloud: FakeCloud) -> None:
    """Whatever Keystone takes: control characters, other scripts, both forms of an accent, a name like a number."""
    names = {project["name"] for project in cloud.projects}
    left_out = {"disabled-project", "service", "project-in-disabled-domain"}
    assert {resource.name for resource in (await scan(cloud)).resources} == names - left_out
    same = [resource for resource in (await scan(cloud)).resources if resource.name == "research"]
    assert len({resource.backend_id for resource in same}) == 3


async def test_a_loop_of_parents_ends(cloud: FakeCloud) -> None:
    """Keystone forbids it; a scan must not hang on a database that has it."""
    cloud.project("nest")["parent_id"] = cloud.project("nest-child")["id"]
    chain = [parent.name for parent in (await found(cloud))["nest-grandchild"].parents]
    assert chain == ["nest-child", "nest", "Default"]


async def test_the_scan_is_complete_and_ordered(cloud: FakeCloud) -> None:
    """By id; whatever is left out is counted with its reason."""
    result = await scan(cloud)
    ids = [resource.backend_id for resource in result.resources]
    assert ids == sorted(ids)
    assert result.complete
    assert result.warnings == ()
    reasons = {project["name"]: result.excluded.get(project["id"], "") for project in cloud.projects}
    assert reasons["service"] == "is OpenStack's own, and select.service is false"
    assert reasons["disabled-project"] == "is disabled, and select.disabled is false"
    assert reasons["project-in-disabled-domain"] == "is in a disabled domain, and select.disabled is false"
    assert result.excluded["default"] == "is a domain, not a project"
    assert len(result.excluded) == 3 + len(cloud.domains)


async def test_the_projects_of_heat_are_left_out(cloud: FakeCloud) -> None:
    """Its domain has another name with each deployment tool."""
    cloud.domains[0]["name"] = "heat_user_domain"
    (project,) = [row["id"] for row in cloud.projects if row["domain_id"] == cloud.domains[0]["id"]]
    assert (await scan(cloud)).excluded[project] == "is in Heat's domain, and select.service is false"


@pytest.mark.parametrize(
    ("select", "names"),
    [
        ({"include": [{"name": "^nest"}]}, {"nest", "nest-child", "nest-grandchild"}),
        ({"include": [{"name": "^nest"}], "exclude": [{"name": "grand"}]}, {"nest", "nest-child"}),
        ({"include": [{"parent": "^nest$"}]}, {"nest-child", "nest-grandchild"}),
        ({"include": [{"parent": "^3a5192c394894e1e9a1d8d63be666742$"}]}, {"nest-child", "nest-grandchild"}),
        ({"include": [{"tag": "^vo:"}]}, {"tagged"}),
        ({"include": [{"tag": "^vo:", "name": "^nest"}]}, set()),
        ({"include": [{"domain": "^Fakult"}]}, {"research", "project 44cb63 00023"}),
        ({"include": [{"domain": "^ed5c72ea852d4168a8c1d13dad8e1495$"}]}, {"research", "project 44cb63 00023"}),
        ({"include": [{"name": "^disabled"}, {"name": "in-disabled"}], "disabled": True},
         {"disabled-project", "project-in-disabled-domain"}),
        ({"include": [{"name": "^service$"}], "service": True}, {"service"}),
    ],
)  # fmt: skip
async def test_what_is_selected(cloud: FakeCloud, select: dict[str, Any], names: set[str]) -> None:
    """All that a condition gives must hold, one of `include` is enough, `exclude` is stronger."""
    result = await scan(cloud, select=select)
    assert {resource.name for resource in result.resources} == names
    assert len(result.resources) + len(result.excluded) == len(cloud.projects) + len(cloud.domains)


async def test_each_left_out_project_says_why(cloud: FakeCloud) -> None:
    """With the place in the settings."""
    select = {"include": [{"name": "^nest"}], "exclude": [{"name": "^x"}, {"name": "child"}]}
    excluded = (await scan(cloud, select=select)).excluded
    assert excluded[cloud.project("tagged")["id"]] == "matches nothing in select.include"
    assert excluded[cloud.project("nest-child")["id"]] == "excluded by select.exclude[1]"


async def test_a_disabled_project_that_is_offered_says_so(cloud: FakeCloud) -> None:
    """One in a disabled domain is disabled too, whatever Keystone says of it."""
    there = await found(cloud, select={"disabled": True})
    assert there["disabled-project"].attributes["enabled"] is False
    assert there["project-in-disabled-domain"].attributes["enabled"] is False
