"""Which accounts are offered, and why the others are not. Pure functions."""

import re

from waldur_import_agent.scanners.slurm.settings import Accounts, Condition
from waldur_import_agent.scanners.slurm.tree import Account

ALLOCATION_DEPTH = 3
"""In the hierarchy that Waldur's site agent makes: customer, project and, as children of a project, allocations."""


def why_not_offered(accounts: Accounts, account: Account) -> str:
    """Why the settings leave this account out, or nothing where they offer it."""
    if accounts.select == "leaf" and account.has_children:
        return "has child accounts, and accounts.select is leaf"
    if accounts.select == "site-agent" and account.depth != ALLOCATION_DEPTH:
        return "is no allocation below a project and a customer, and accounts.select is site-agent"
    conditions = (*accounts.include, *accounts.exclude)
    if account.organization is None and any(condition.organization is not None for condition in conditions):
        return "its organization could not be read, and the settings of accounts ask for it"
    for number, condition in enumerate(accounts.exclude):
        if _matches(condition, account):
            return f"excluded by accounts.exclude[{number}]"
    if accounts.include and not any(_matches(condition, account) for condition in accounts.include):
        return "matches nothing in accounts.include"
    return ""


def _matches(condition: Condition, account: Account) -> bool:
    """Whether all that the condition gives holds."""
    texts = (
        (condition.name, account.name),
        (condition.parent, account.parent),
        (condition.organization, account.organization or ""),
    )
    return (
        all(pattern is None or re.search(pattern, text) for pattern, text in texts)
        and (condition.min_depth is None or account.depth >= condition.min_depth)
        and (condition.max_depth is None or account.depth <= condition.max_depth)
    )
