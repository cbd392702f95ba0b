"""Which project a found resource belongs to, and the reason where none can be told."""

from dataclasses import replace
from typing import Any

import pytest

from support.builders import ALPHA, BETA, found
from waldur_import_agent.placement import Overrides, Placer
from waldur_import_agent.records import Ancestor, FoundResource, Placement, Project
from waldur_import_agent.settings.models import Rule

BY_PARENT = {"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}


def place(
    thing: FoundResource,
    *rules: dict[str, Any],
    projects: tuple[Project, ...] = (ALPHA, BETA),
    overrides: Overrides | None = None,
    mapped: dict[str, str] | None = None,
    holding_project: str | None = None,
) -> Placement:
    """Where `thing` goes by these rules of a configuration."""
    parsed = [Rule.model_validate(rule) for rule in rules]
    return Placer(projects, parsed, overrides, mapped=mapped, holding_project=holding_project).place(thing)


def under(*names: str, **attributes: str) -> FoundResource:
    """An account below ancestors of these names, the nearest first; the attributes are the nearest one's."""
    parents = [Ancestor(f"id-{name}", name) for name in names]
    parents[0] = replace(parents[0], attributes=attributes)
    return found("acct1", parents=tuple(parents))


# --- where a rule looks


def test_parent_name_is_the_default() -> None:
    """A rule on `parent` looks at the nearest ancestor's name; the reason tells rule, text and result."""
    assert place(under("hpc_alpha"), BY_PARENT) == Placement(ALPHA, "rule 1 (parent is 'hpc_alpha') gives slug 'alpha'")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("name", "the name"),
        ("backend_id", "acct1"),
        ("kind", "SLURM account"),
        ("organization", "org"),
        ("cores", "7"),
        ("active", "True"),
        ("parent", "hpc_alpha"),
        ("parent.name", "hpc_alpha"),
        ("parent.backend_id", "id-hpc_alpha"),
        ("parent.organization", "parent-org"),
        ("ancestor", "hpc_alpha"),
        ("ancestor.organization", "parent-org"),
    ],
)
def test_texts_that_a_rule_may_look_at(source: str, text: str) -> None:
    """Own facts and attributes, the parent's, and any ancestor's; numbers and truth values as text."""
    thing = replace(
        under("hpc_alpha", organization="parent-org"),
        name="the name",
        attributes={"organization": "org", "cores": 7, "active": True},
    )
    placement = place(thing, {"from": source, "match": "^(?P<all>.*)$", "value": "{all}"})
    assert placement.why.startswith(f"rule 1 ({source} is {text!r}) gives slug {text!r}")


def test_own_facts_win_over_attributes_of_the_same_name() -> None:
    """An attribute called `name` or `kind` does not hide the resource's own."""
    thing = found("acct1", name="alpha", attributes={"name": "beta", "kind": "beta", "backend_id": "beta"})
    for source in ("name", "kind", "backend_id"):
        placement = place(thing, {"from": source, "match": "^beta$", "value": "beta"})
        assert placement.project is None


def test_kind_of_an_ancestor_is_its_attribute() -> None:
    """Only a found resource has a kind; of an ancestor the word means its attribute."""
    thing = under("a", kind="alpha")
    assert place(thing, {"from": "parent.kind", "match": "(?P<slug>.+)", "value": "{slug}"}).project == ALPHA


def test_parent_is_only_the_nearest() -> None:
    """`parent` does not look further up."""
    placement = place(under("group", "hpc_alpha"), BY_PARENT)
    assert placement == Placement(None, "no rule matches (rule 1: parent is 'group')")


def test_nearest_matching_ancestor_decides() -> None:
    """`ancestor` goes up from the nearest one and stops at the first that matches."""
    thing = under("group", "hpc_beta", "hpc_alpha")
    placement = place(thing, BY_PARENT | {"from": "ancestor"})
    assert placement == Placement(BETA, "rule 1 (ancestor is 'hpc_beta') gives slug 'beta'")


def test_nearest_ancestor_decides_even_when_its_project_is_missing() -> None:
    """The nearest match decides also where it leads to no project: never a guess further up."""
    placement = place(under("hpc_gone", "hpc_alpha"), BY_PARENT | {"from": "ancestor"})
    assert placement.project is None
    assert "gives slug 'gone'" in placement.why


def test_ancestors_without_the_attribute_are_passed_over() -> None:
    """An ancestor that lacks the attribute does not stop the search."""
    parents = (Ancestor("1", "group"), Ancestor("2", "top", {"project": "alpha"}))
    rule = {"from": "ancestor.project", "match": "(?P<slug>.+)", "value": "{slug}"}
    assert place(found("acct1", parents=parents), rule).project == ALPHA


# --- how a rule matches


def test_pattern_is_searched() -> None:
    """A pattern without anchors matches anywhere in the text."""
    assert place(under("the-alpha-group"), {"match": "(?P<slug>alpha|beta)", "value": "{slug}"}).project == ALPHA


def test_first_matching_rule_decides() -> None:
    """Rules are tried in their order, and the reason names the one that matched by its number."""
    rules = (
        {"match": "^nothing$", "value": "alpha"},
        {"match": "^hpc", "value": "beta"},
        {"match": "^hpc", "value": "alpha"},
    )
    assert place(under("hpc_x"), *rules) == Placement(BETA, "rule 2 (parent is 'hpc_x') gives slug 'beta'")


def test_matching_rule_without_a_project_ends_the_search() -> None:
    """A rule that matches decides, though a later one would lead to a project."""
    placement = place(under("hpc_x"), {"match": "^hpc", "value": "gone"}, {"match": "^hpc", "value": "alpha"})
    assert placement.project is None


def test_no_rule_matches() -> None:
    """The reason names each rule with what it saw: the operator need not guess."""
    thing = found("acct1", parents=(Ancestor("1", "a"), Ancestor("2", "b")))
    placement = place(
        thing,
        {"from": "ancestor", "match": "^x$", "value": "alpha"},
        {"from": "organization", "match": "^x$", "value": "alpha"},
    )
    assert placement == Placement(
        None, "no rule matches (rule 1: ancestor is 'a', 'b'; rule 2: organization is not there)"
    )


def test_no_rule_at_all() -> None:
    """Without rules only an overrides file can place; the reason says so."""
    assert place(found()) == Placement(
        None, "no placement rule is configured and no line of the overrides file names it"
    )


def test_optional_group_that_takes_no_part_is_empty() -> None:
    """A named group that did not take part in the match stands for nothing, not for `None`."""
    rule = {"match": r"^hpc_(?P<slug>[a-z]+)(?P<year>\d+)?$", "value": "{slug}{year}"}
    assert place(under("hpc_alpha"), rule).project == ALPHA


def test_value_is_a_pattern_with_text_of_its_own() -> None:
    """The value may add text around the groups, and blanks at its ends do not count."""
    rule = {"match": "^(?P<name>.*)$", "by": "backend_id", "value": " keystone-{name} "}
    assert place(under("beta"), rule) == Placement(BETA, "rule 1 (parent is 'beta') gives backend_id 'keystone-beta'")


def test_empty_slug() -> None:
    """A match that gives an empty value is told as such, not as an unknown project."""
    rule = {"match": "^hpc_(?P<slug>[a-z]+)?", "value": "{slug}"}
    assert place(under("hpc_"), rule) == Placement(None, "rule 1 (parent is 'hpc_') gives an empty slug")


# --- what a rule names


def test_by_uuid_with_or_without_dashes_in_any_case() -> None:
    """A UUID is the same with dashes and in capitals."""
    project = Project("0ff0" * 8, "gamma", "Gamma")
    rule = {"match": "^(?P<id>.*)$", "by": "uuid", "value": "{id}"}
    for text in ("0ff00ff0-0ff0-0ff0-0ff0-0ff00ff00ff0", "0FF0" * 8, "0ff0" * 8):
        assert place(under(text), rule, projects=(project,)).project == project


def test_slugs_are_exact() -> None:
    """A slug in another case is another slug."""
    assert place(under("hpc_Alpha"), BY_PARENT).project is None


def test_a_way_finds_only_its_own_values() -> None:
    """A slug is not taken for a backend_id, nor the other way round."""
    rule = {"match": "^(?P<it>.*)$", "value": "{it}"}
    assert place(under("keystone-beta"), rule).project is None
    assert place(under("beta"), rule | {"by": "backend_id"}).project is None


def test_unseen_project() -> None:
    """A value that no known project has: the reason tells how many projects are known."""
    assert place(under("hpc_gone"), BY_PARENT) == Placement(
        None,
        "rule 1 (parent is 'hpc_gone') gives slug 'gone', which none of the 2 known projects has",
    )


def test_no_project_at_all() -> None:
    """Where no source gives a project, that is the reason, not the slug."""
    assert place(under("hpc_alpha"), BY_PARENT, projects=()) == Placement(
        None,
        "rule 1 (parent is 'hpc_alpha') gives slug 'alpha', but no project is known",
    )


def test_several_projects_with_one_slug() -> None:
    """Slugs are not unique in Waldur: never the first of several, and the reason names them with their UUIDs."""
    twin = replace(ALPHA, uuid="c" * 32, name="Other Alpha", customer="Org C")
    placement = place(under("hpc_alpha"), BY_PARENT, projects=(ALPHA, BETA, twin))
    assert placement == Placement(
        None,
        "rule 1 (parent is 'hpc_alpha') gives slug 'alpha', which 2 projects have: "
        f"Project Alpha (Org A) {'a' * 32}; Other Alpha (Org C) {'c' * 32}. "
        "Name one by its UUID in the overrides file",
    )


def test_only_four_of_many_candidates_are_named() -> None:
    """The count is told in full, the names of the first four: a log line stays a line."""
    many = tuple(replace(ALPHA, uuid=f"{number:032x}", name=f"P{number}") for number in range(6))
    why = place(under("hpc_alpha"), BY_PARENT, projects=many).why
    assert "which 6 projects have" in why
    assert ["P3" in why, "P4" in why] == [True, False]


def test_projects_without_a_backend_id_are_not_found_by_an_empty_one() -> None:
    """Most projects have no backend_id; none of them is what an empty value names."""
    placement = place(under("x"), {"match": "x(?P<id>y)?", "by": "backend_id", "value": "{id}"})
    assert placement.why.endswith("gives an empty backend_id")


# --- overrides


def test_override_comes_before_the_rules() -> None:
    """What a person decided wins over a rule that matches, and the reason names the line."""
    overrides = Overrides({"acct1": ("beta", 7)})
    assert place(under("hpc_alpha"), BY_PARENT, overrides=overrides) == Placement(
        BETA, "line 7 of the overrides file gives slug 'beta'"
    )


def test_override_that_leads_nowhere_is_not_replaced_by_a_rule() -> None:
    """A decision that names no project is told, never silently undone."""
    placement = place(under("hpc_alpha"), BY_PARENT, overrides=Overrides({"acct1": ("gone", 7)}))
    assert placement.project is None
    assert "line 7 of the overrides file gives slug 'gone'" in placement.why


@pytest.mark.parametrize(
    "written", ["b" * 32, "B" * 32, "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb", "BBBBBBBB-BBBB-BBBB-BBBB-BBBBBBBBBBBB"]
)
def test_override_by_uuid(written: str) -> None:
    """A UUID in any spelling names the project, also where several have its slug."""
    twin = replace(BETA, uuid="c" * 32)
    placement = place(found("acct1"), projects=(BETA, twin), overrides=Overrides({"acct1": (written, 2)}))
    assert placement == Placement(BETA, f"line 2 of the overrides file gives uuid '{'b' * 32}'")


@pytest.mark.parametrize("slug", ["b" * 31, "b" * 33, "g" * 32])
def test_what_only_resembles_a_uuid_is_a_slug(slug: str) -> None:
    """Only 32 hexadecimal digits are a UUID."""
    project = replace(ALPHA, slug=slug)
    assert place(found("acct1"), projects=(project,), overrides=Overrides({"acct1": (slug, 2)})).project == project


def test_override_by_the_uuid_of_an_unseen_project() -> None:
    """Waldur takes a record for a project that the token cannot see: the UUID is enough, and the reason says so."""
    placement = place(found("acct1"), projects=(), overrides=Overrides({"acct1": ("C" * 32, 2)}))
    assert placement.project == Project("c" * 32, "", "c" * 32)
    assert placement.why.endswith("which is not among the known projects")


def test_other_resources_go_by_the_rules() -> None:
    """A line decides over its own resource alone."""
    assert place(under("hpc_alpha"), BY_PARENT, overrides=Overrides({"acct2": ("beta", 2)})).project == ALPHA


# --- the holding project


def test_holding_project_takes_what_nothing_else_places() -> None:
    """By slug or by UUID, the reason says that it is held and why nothing else placed it."""
    for named in ("beta", "b" * 32):
        placement = place(under("group"), BY_PARENT, holding_project=named)
        assert placement == Placement(
            BETA,
            "held by the holding project, since no rule matches (rule 1: parent is 'group')",
            holding=True,
        )


def test_holding_project_takes_nothing_that_is_placed() -> None:
    """A rule or a line of the overrides file comes first."""
    assert place(under("hpc_alpha"), BY_PARENT, holding_project="beta") == place(under("hpc_alpha"), BY_PARENT)
    overrides = Overrides({"acct1": ("alpha", 2)})
    assert place(found("acct1"), overrides=overrides, holding_project="beta").project == ALPHA


def test_holding_project_that_is_not_there() -> None:
    """A wrong holding project places nothing, and the reason names it beside the first one."""
    placement = place(under("group"), BY_PARENT, holding_project="gone")
    assert placement == Placement(
        None,
        "no rule matches (rule 1: parent is 'group'); projects.holding_project gives slug 'gone', which none of the 2 "
        "known projects has",
    )


# --- the mapping command


def test_mapping_command_comes_after_the_overrides_and_before_the_rules() -> None:
    """Its answer decides by slug or UUID; ids that it does not name go on to the rules."""
    for named in ("beta", "B" * 32):
        placement = place(under("hpc_alpha"), BY_PARENT, mapped={"acct1": named})
        assert placement.project == BETA
        assert placement.why.startswith("the mapping command gives")
    assert place(under("hpc_alpha"), BY_PARENT, mapped={"acct2": "beta"}).project == ALPHA
    overrides = Overrides({"acct1": ("alpha", 2)})
    assert place(found("acct1"), overrides=overrides, mapped={"acct1": "beta"}).project == ALPHA


def test_mapping_command_that_names_no_project_is_not_replaced_by_a_rule() -> None:
    """The site's own program has spoken: a rule does not guess after it; the holding project takes it."""
    placement = place(under("hpc_alpha"), BY_PARENT, mapped={"acct1": "gone"})
    assert placement == Placement(None, "the mapping command gives slug 'gone', which none of the 2 known projects has")
    assert place(under("hpc_alpha"), BY_PARENT, mapped={"acct1": "gone"}, holding_project="beta").holding
