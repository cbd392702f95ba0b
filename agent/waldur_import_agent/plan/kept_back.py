"""What is found but not offered now, since something else is about to have it, or has it already."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from waldur_import_agent.records import KnownResource

CREATING = "Creating"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What other offerings of the same backend have.

    `ids` are as the backend compares them (see records.id_key), each with what is said of it;
    `resources` are those offerings' live resources.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[KnownResource, ...] = ()


def kept_back(resources: Iterable[KnownResource], elsewhere: Elsewhere) -> Callable[[str], str]:
    """A function that says why an id, as the backend compares it, is kept back, or nothing.

    A resource that an order is creating has no backend_id yet; whoever serves the order makes one that holds the
    resource's slug.
    """
    creating = {
        resource.slug.lower(): resource
        for resource in (*resources, *elsewhere.resources)
        if resource.state == CREATING and not resource.backend_id and resource.slug
    }
    # the longest first, and no digit behind it: slugs end with a number, and lab-1 is not in lab-12
    slugs = "|".join(re.escape(slug) for slug in sorted(creating, key=len, reverse=True))
    pattern = re.compile(rf"(?:{slugs})(?!\d)") if slugs else None

    def why(key: str) -> str:
        if key in elsewhere.ids:
            return elsewhere.ids[key]
        match = pattern.search(key.lower()) if pattern else None
        if match is None:
            return ""
        resource = creating[match[0]]
        return (
            f"an order is creating the resource {resource.name} right now, whose slug {resource.slug} is in this id: "
            "the next request looks again"
        )

    return why
