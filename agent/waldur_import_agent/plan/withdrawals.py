"""The guard on withdrawals: what looks like a mass deletion is more often a mistake."""

from waldur_import_agent.settings.models import Withdraw


def guard_withdrawals(guard: Withdraw, *, gone: int, ours: int, complete: bool, allowed_once: bool) -> tuple[str, str]:
    """Whether `gone` of `ours` records may be withdrawn: why all are held back, and why all are simply kept.

    Both texts are empty where they may be withdrawn. Holding back is an error that a person must look at; keeping is
    what was asked for, or what an incomplete scan demands.
    """
    if not gone:
        return "", ""
    if not guard.enabled:
        return "", "gone from the backend; withdrawals are switched off (withdraw.enabled)"
    if not complete:
        return "", "not seen, but the scan was not complete: nothing is withdrawn"
    if allowed_once or gone <= max(guard.min_count, ours * guard.max_percent / 100):
        return "", ""
    held = (
        f"{gone} of {ours} records would be withdrawn, since what they stand for is gone from the backend. More than "
        f"{guard.max_percent:g} % and more than {guard.min_count} at once are held back: nothing was withdrawn. If "
        "they are really gone, create a new request and answer it with "
        "`waldur-import-agent run --once --allow-withdrawals`"
    )
    return held, ""
