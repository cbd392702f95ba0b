"""The scanners there are: entry points of the group `waldur_import_agent.scanners`, ours and those of plug-ins."""

import contextlib
import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from pydantic import BaseModel

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.scanners.base import Scanner, ScannerSettings

GROUP = "waldur_import_agent.scanners"
"""Packages register a class under it: https://packaging.python.org/en/latest/specifications/entry-points/."""


@dataclass(frozen=True, slots=True)
class AvailableScanner:
    """A scanner that is installed. `scanner` is None where it cannot be used, and `error` then says why."""

    name: str
    distribution: str
    scanner: type[Scanner] | None
    error: str = ""


def available() -> Sequence[AvailableScanner]:
    """All installed scanners in the order of their names; a broken one is there with its error."""
    points = entry_points(group=GROUP)
    return [_load(name, [point for point in points if point.name == name]) for name in sorted(points.names)]


def scanner_class(name: str) -> type[Scanner]:
    """The scanner with this name; no other is loaded.

    Raises ConfigurationError if there is none, naming those there are, or if it cannot be used.
    """
    points = entry_points(group=GROUP)
    if name not in points.names:
        known = sorted(points.names)
        nearest = difflib.get_close_matches(name.lower(), known, 1)
        hint = f" (did you mean '{nearest[0]}'?)" if nearest else ""
        raise ConfigurationError(f"there is no scanner with this name{hint}; known are {', '.join(known)}")
    found = _load(name, [point for point in points if point.name == name])
    if found.scanner is None:
        raise ConfigurationError(f"the scanner '{name}' of {found.distribution} cannot be used: {found.error}")
    return found.scanner


def settings_model(name: str) -> type[BaseModel]:
    """The settings model of the scanner with this name. Raises ConfigurationError as `scanner_class` does."""
    return scanner_class(name).settings_model


def _load(name: str, points: Sequence[EntryPoint]) -> AvailableScanner:
    """One scanner from its entry points; whatever a plug-in raises while it is imported is its error."""
    sources = sorted({f"{point.dist.name} {point.dist.version}" for point in points if point.dist})
    source = " and ".join(sources)
    if len(points) > 1:
        return AvailableScanner(name, source, None, "more than one package brings a scanner with this name: remove one")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # our own holds results: what a plug-in prints would be in them
            scanner = points[0].load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plug-in may fail in any way, and may try to end the agent
        return AvailableScanner(name, source, None, f"{type(error).__name__}: {error}")
    wrong = why_unusable(name, scanner)
    return AvailableScanner(name, source, None if wrong else scanner, wrong)


def why_unusable(name: str, scanner: object) -> str:
    """What keeps an entry point's object from being a scanner, or nothing. base.Scanner says what one is."""
    if not isinstance(scanner, type):
        return "the entry point does not name a class"
    missing = [part for part in ("settings_model", "ids_ignore_case", "check", "scan") if not hasattr(scanner, part)]
    if missing:
        return f"the class {scanner.__name__} has no {', '.join(missing)}"
    if getattr(scanner, "kind", None) != name:
        return f"the class {scanner.__name__} has another `kind` than the entry point's name"
    model = getattr(scanner, "settings_model", None)
    if not (isinstance(model, type) and issubclass(model, ScannerSettings)):
        return f"`settings_model` of {scanner.__name__} is no ScannerSettings"
    return ""
