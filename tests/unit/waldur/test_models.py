"""The wire forms take what Waldur sends, in all the variants that were seen or may come."""

from datetime import UTC, datetime
from typing import Any

import pytest

from waldur_import_agent.waldur.models import (
    BackendResource,
    BackendResourceRequest,
    Project,
    ProviderOffering,
    ProviderResource,
    User,
)

UUID = "a8ab92dee8ec425bb3bd1e22a9a89883"
DASHED = "A8AB92DE-E8EC-425B-B3BD-1E22A9A89883"
ROW = {"uuid": UUID, "created": "2026-11-24T03:43:54Z", "state": "Sent", "offering": UUID}
RECORD = {"uuid": UUID, "created": "2026-11-24T03:43:54Z", "project": UUID, "offering": UUID}


def test_uuids_are_kept_as_hex_digits() -> None:
    """Dashes and capitals make no difference."""
    request = BackendResourceRequest.model_validate({**ROW, "uuid": DASHED, "offering": DASHED})
    record = BackendResource.model_validate({**RECORD, "project": DASHED})
    resource = ProviderResource.model_validate({"uuid": DASHED, "project_uuid": DASHED})
    assert {request.uuid, request.offering, record.project, resource.uuid, resource.project_uuid} == {UUID}


def test_unknown_fields_are_ignored() -> None:
    """A newer Waldur may send more."""
    request = BackendResourceRequest.model_validate({**ROW, "lease": {"until": 5}})
    assert not hasattr(request, "lease")


@pytest.mark.parametrize(("sent", "kept"), [("Paused", "Paused"), (7, "7"), (None, "")])
def test_unknown_states_are_kept(sent: Any, kept: str) -> None:
    """A state that this agent does not know is shown as it came."""
    assert BackendResourceRequest.model_validate({**ROW, "state": sent}).state == kept
    assert ProviderResource.model_validate({"uuid": UUID, "state": sent}).state == kept
    assert ProviderOffering.model_validate({"uuid": UUID, "state": sent}).state == kept


def test_null_stands_for_nothing() -> None:
    """Where Waldur may send null, the text is empty and the list has nothing in it."""
    request = BackendResourceRequest.model_validate(
        {**ROW, "modified": None, "started": None, "finished": None, "error_message": None, "error_traceback": None}
    )
    assert (request.error_message, request.error_traceback, request.finished) == ("", "", None)
    record = BackendResource.model_validate({**RECORD, "name": None, "backend_id": None, "backend_metadata": None})
    assert (record.name, record.backend_id, record.backend_metadata) == ("", "", None)
    offering = ProviderOffering.model_validate({"uuid": UUID, "components": None, "plans": None, "customer_uuid": None})
    assert (offering.components, offering.plans, offering.customer_uuid) == ((), (), None)
    project = Project.model_validate({"uuid": UUID, "backend_id": None, "slug": None})
    assert (project.backend_id, project.slug) == ("", "")
    user = User.model_validate({"uuid": UUID, "is_staff": None, "permissions": None, "token_lifetime": None})
    assert (user.is_staff, user.permissions, user.token_lifetime) == (False, (), None)


@pytest.mark.parametrize("metadata", [{}, {"limits": {"cpu": 1.5}}, [], ["a"], "text", 5, None, True])
def test_metadata_may_be_any_json(metadata: Any) -> None:
    """Waldur stores what it is given; no row makes a list unreadable."""
    assert BackendResource.model_validate({**RECORD, "backend_metadata": metadata}).backend_metadata == metadata


@pytest.mark.parametrize("created", ["2026-11-24T03:43:54Z", "2026-11-24T05:43:54+02:00", "2026-11-24T03:43:54"])
def test_times_are_in_utc(created: str) -> None:
    """With Z, with an offset, or without a zone, which means UTC."""
    request = BackendResourceRequest.model_validate({**ROW, "created": created})
    assert request.created == datetime(2026, 11, 24, 3, 43, 54, tzinfo=UTC)
    assert request.created.tzinfo is UTC


@pytest.mark.parametrize(
    "rules",
    [
        None,
        {},
        [],
        "x",
        {"format": None},
        {"format": "x"},
        {"format": {}},
        {"format": {"regex": None, "description": 5}},
    ],
)
def test_offerings_without_a_rule_for_ids_have_an_empty_one(rules: Any) -> None:
    """The field is free JSON: whatever is no rule is none."""
    offering = ProviderOffering.model_validate({"uuid": UUID, "backend_id_rules": rules})
    assert (offering.backend_id_pattern, offering.backend_id_hint) == ("", "")


def test_rule_of_uniqueness() -> None:
    """Its scope, and whether terminated resources count; they do where nothing is said."""
    rules = {"uniqueness": {"scope": "service_provider"}}
    offering = ProviderOffering.model_validate({"uuid": UUID, "backend_id_rules": rules})
    assert (offering.uniqueness_scope, offering.uniqueness_includes_terminated) == ("service_provider", True)
    rules = {"uniqueness": {"scope": "offering", "include_terminated": False}}
    offering = ProviderOffering.model_validate({"uuid": UUID, "backend_id_rules": rules})
    assert (offering.uniqueness_scope, offering.uniqueness_includes_terminated) == ("offering", False)


@pytest.mark.parametrize("rules", [None, [], {"uniqueness": "offering"}, {"uniqueness": {"scope": 1}}])
def test_what_is_no_rule_of_uniqueness_is_none(rules: Any) -> None:
    """The field is free JSON."""
    assert ProviderOffering.model_validate({"uuid": UUID, "backend_id_rules": rules}).uniqueness_scope == ""
