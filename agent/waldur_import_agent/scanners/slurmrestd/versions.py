"""The versions of slurmrestd's accounting API, and all in which they differ. No I/O.

22.05 serves v0.0.36 to 38, 23.11 v0.0.38 to 40, and each release since then one more and mostly one less
(https://slurm.schedmd.com/rest.html); the ones below reach from 22.05 to 26.05. Each was run: v0.0.38 on 22.05.8, the
others on 24.11.5.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waldur_import_agent.scanners.base import BackendMisconfiguredError


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """One version, as far as a scan asks it differently or gets other answers.

    Queries are names without a value, as they stand in a URL: with `=true` v0.0.40 and 41 warn of the type. A version
    ignores the other versions' names, and says so only in a warning of an answer that has status 200.
    """

    name: str
    own_limits: str = ""
    """The query that leaves inherited limits out of associations; empty where there is none."""
    coordinators: str = ""
    """The query without which accounts come without their coordinators; empty where they always come with them."""
    qos_key: str = "qos"
    """The key of the list of QOS."""
    untold_of_qos: tuple[str, ...] = ()
    """Limits that a QOS may have and that are in no field of it."""


UNTOLD_OF_QOS = ("GrpTRESMins", "GrpSubmitJobs")

KNOWN = (
    ApiVersion("v0.0.38", qos_key="QOS", untold_of_qos=UNTOLD_OF_QOS),
    ApiVersion("v0.0.40", own_limits="without_parent_limits", coordinators="with_coords", untold_of_qos=UNTOLD_OF_QOS),
    ApiVersion(
        "v0.0.41", own_limits="without_parent_limits", coordinators="WithCoordinators", untold_of_qos=UNTOLD_OF_QOS
    ),
    ApiVersion("v0.0.42", own_limits="Exclude%20limits%20from%20parents", coordinators="WithCoordinators"),
)
"""Oldest first."""

LIST = "openapi/v3"
"""Where every release says which paths it serves."""
_ASSOCIATIONS = re.compile(r"/slurmdb/(v\d+\.\d+\.\d+)/associations/?")


def choose_version(document: object, where: str) -> ApiVersion:
    """The newest known version of those in the server's OpenAPI document. Raises BackendMisconfiguredError."""
    paths = document.get("paths") if isinstance(document, Mapping) else None
    if not isinstance(paths, Mapping):
        raise BackendMisconfiguredError(
            f"{where} answers {LIST} with something that is no list of paths",
            remedy="Let scanner.url or scanner.socket lead to slurmrestd itself",
        )
    served = {match[1] for path in paths if (match := _ASSOCIATIONS.fullmatch(path))}
    for version in reversed(KNOWN):
        if version.name in served:
            return version
    known = ", ".join(version.name for version in KNOWN)
    if not served:
        raise BackendMisconfiguredError(
            f"{where} serves no accounting (no slurmdb among its paths)",
            remedy="Start slurmrestd with its accounting plugin: without -s, or with that of `slurmrestd -s list`",
        )
    raise BackendMisconfiguredError(
        f"{where} serves slurmdb in {', '.join(sorted(served))}, and the agent knows {known}",
        remedy="Take another release of SLURM or of the agent: docs/scanners/slurmrestd.md says which fit",
    )


def release(document: Any) -> str:
    """What the server calls itself, like `Slurm-24.11.5`; 22.05 gives only the name of its oldest API."""
    version = document["info"]["version"] if "version" in document.get("info", {}) else ""
    return str(version).partition("&")[0]
