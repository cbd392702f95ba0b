"""Which projects are offered, and why the others are not. Pure functions."""

import re

from waldur_import_agent.scanners.openstack.identity import Directory, KeystoneProject
from waldur_import_agent.scanners.openstack.settings import Condition, Select

SERVICE_PROJECTS = frozenset({"service", "services"})
"""Projects of the services' own users, as deployment tools name them."""
HEAT_DOMAINS = frozenset({"heat", "heat_stack", "heat_user_domain"})
"""Domains in which Heat makes users and projects of its own (stack_user_domain_name), as deployment tools name them."""
NOT_USED = "has no server and no quota of its own, and select.used is true"


def why_not_offered(select: Select, directory: Directory, project: KeystoneProject) -> str:
    """Why the settings leave this project out, or nothing where they offer it; `used` is not looked at."""
    domain = directory.domain_of(project)
    if not select.service:
        if project.name in SERVICE_PROJECTS:
            return "is a project of OpenStack's own services, and select.service is false"
        if domain.name in HEAT_DOMAINS:
            return "is in Heat's domain, and select.service is false"
    if not select.disabled:
        if not project.enabled:
            return "is disabled, and select.disabled is false"
        if not domain.enabled:
            return "is in a disabled domain, and select.disabled is false"
    for number, condition in enumerate(select.exclude):
        if _matches(condition, directory, project):
            return f"excluded by select.exclude[{number}]"
    if select.include and not any(_matches(condition, directory, project) for condition in select.include):
        return "matches nothing in select.include"
    return ""


def _matches(condition: Condition, directory: Directory, project: KeystoneProject) -> bool:
    """Whether all that the condition gives holds."""
    domain = directory.domain_of(project)
    above = [text for parent in directory.ancestors(project)[:-1] for text in (parent.name, parent.backend_id)]
    texts = (
        (condition.name, [project.name]),
        (condition.domain, [domain.name, domain.id]),
        (condition.parent, above),
        (condition.tag, list(project.tags)),
    )
    return all(pattern is None or any(re.search(pattern, text) for text in found) for pattern, found in texts)
