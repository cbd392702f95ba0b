"""Pure: what an offering's backend_id_rules say against an id, before Waldur does.

Waldur applies them to an import, not to the report of a record: `format.regex` must match the whole id, and
`uniqueness.scope` (offering, offering_group, service_provider, service_provider_category) says within what an id must
not be used twice, by terminated resources neither unless `uniqueness.include_terminated` is false. The source is the
field `backend_id_rules` of /api/marketplace-provider-offerings/.
"""

from collections.abc import Collection, Iterable

from waldur_import_agent.id_pattern import refusal
from waldur_import_agent.waldur.models import ProviderOffering, ResourceDetails

SEEN_SCOPES = {
    "offering": "this offering",
    "service_provider": "the service provider's offerings",
    "service_provider_category": "the service provider's offerings of this category",
}
"""The scopes whose resources can be told by what a list says of each."""


class BackendIdRules:
    """The rules of one offering; `resources` are those, terminated ones too, that share its scope of uniqueness.

    `misfits` are the ids that `format.regex` does not match.
    """

    def __init__(
        self, offering: ProviderOffering, resources: Iterable[ResourceDetails] = (), misfits: Collection[str] = ()
    ) -> None:
        self._offering = offering
        self._misfits = misfits
        self._taken: dict[str, ResourceDetails] = {}
        if offering.uniqueness_scope in SEEN_SCOPES:
            for resource in resources:
                if resource.backend_id and self._counts(resource):
                    self._taken.setdefault(resource.backend_id, resource)

    @property
    def unseen(self) -> str:
        """What of the rules cannot be foreseen, or nothing."""
        scope = self._offering.uniqueness_scope
        if not scope or scope in SEEN_SCOPES:
            return ""
        return f"backend_id_rules want ids that are unique in the {scope}, which only Waldur itself can compare"

    def refusal(self, backend_id: str) -> str:
        """Why Waldur would refuse an id, or nothing."""
        if backend_id in self._misfits:
            return refusal(self._offering.backend_id_pattern, self._offering.backend_id_hint)
        other = self._taken.get(backend_id)
        if other is None:
            return ""
        scope = SEEN_SCOPES[self._offering.uniqueness_scope]
        return (
            f"the offering's backend_id_rules refuse it: an id must be unique in {scope}, and a resource has this one "
            f"({other.uuid}, {other.state}, of {other.offering_name or 'this offering'})"
        )

    def _counts(self, resource: ResourceDetails) -> bool:
        offering = self._offering
        if resource.state == "Terminated" and not offering.uniqueness_includes_terminated:
            return False
        if offering.uniqueness_scope == "offering":
            return resource.offering_uuid in {offering.uuid, None}
        if resource.provider_uuid != offering.customer_uuid:
            return False
        return offering.uniqueness_scope == "service_provider" or resource.category_uuid == offering.category_uuid
