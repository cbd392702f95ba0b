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
    return _why_not_by_nature(select, directory, project) or _why_not_by_condition(select, directory, project)


def _why_not_by_nature(select: Select, directory: Directory, project: KeystoneProject) -> str:
    domain = directory.domain_of(project)
    reasons = (
        (project.name in SERVICE_PROJECTS and not select.service, "is OpenStack's own, and select.service is false"),
        (domain.name in HEAT_DOMAINS and not select.service, "is in Heat's domain, and select.service is false"),
        (not project.enabled and not select.disabled, "is disabled, and select.disabled is false"),
        (not domain.enabled and not select.disabled, "is in a disabled domain, and select.disabled is false"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def _why_not_by_condition(select: Select, directory: Directory, project: KeystoneProject) -> str:
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
