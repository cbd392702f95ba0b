"""The backend's limits as limits of the offering's components."""

import math
from collections.abc import Mapping

from waldur_import_agent.records import Component, Limit


def map_limits(
    limits: Mapping[str, Limit], components: Mapping[str, Component]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Waldur limits by component type, and what of the backend's limits does not reach Waldur as it is.

    Waldur = backend / unit_factor, truncated: the division in floating point and the truncation are the incumbent
    site agent's, which compares with int(value / unit_factor) and overwrites on any difference.
    """
    mapped: dict[str, int] = {}
    notes: list[str] = []
    for name, component in components.items():
        if component.limit not in limits:
            notes.append(f"{component.limit} is not set: no limit for {name}")
            continue
        value = limits[component.limit]
        if value is None:
            notes.append(f"{component.limit} is unlimited: no limit for {name}")
            continue
        factor = component.unit_factor
        whole = int(factor) if factor == int(factor) else factor
        quotient = _divide(value, factor)
        if value < 0 or not math.isfinite(quotient):
            notes.append(f"{component.limit} is {value}, which is no limit: no limit for {name}")
            continue
        mapped[name] = int(quotient)
        # a whole factor shows what floating point lost of a huge number; a broken one is itself inexact
        exact = mapped[name] * whole == value if isinstance(whole, int) else mapped[name] == quotient
        if not exact:
            notes.append(f"{component.limit} {value} / {whole} = {quotient:.6g} is truncated to {mapped[name]} {name}")
    unmapped = sorted(set(limits) - {component.limit for component in components.values()})
    if unmapped:
        notes.append(f"no component for {', '.join(unmapped)}")
    return mapped, tuple(notes)


def _divide(value: float, factor: float) -> float:
    """`value` / `factor`, infinite where floating point has no number for it."""
    try:
        return value / factor
    except OverflowError:
        return math.inf
