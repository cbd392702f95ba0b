"""What docs/scanners/slurmrestd.md says of the scanner: messages, settings, versions."""

import ast
import re
from pathlib import Path

import pytest

import waldur_import_agent
from waldur_import_agent.scanners.slurmrestd.settings import SlurmrestdSettings
from waldur_import_agent.scanners.slurmrestd.versions import KNOWN

DOCUMENTATION = (Path(__file__).parents[4] / "docs/scanners/slurmrestd.md").read_text()
SOURCES = Path(waldur_import_agent.__file__).parent / "scanners"
MESSAGES = (
    # errors
    "SLURM does not accept ",
    "SLURM lists only ",
    "SLURM does not show the agent the account root of the cluster ",
    "SLURM may show the agent only a part of the accounts",
    " clusters, and none is chosen",
    "the accounting database has no cluster ",
    "CERTIFICATE_VERIFY_FAILED",
    " cannot be used",
    " did not end within ",
    " has more than ",
    " cannot be read: ",
    "; it begins with ",
    " failed with status ",
    " serves no accounting",
    " serves slurmdb in ",
    " with something that is no list of paths",
    " gives no token: ",
    " failed with exit code ",
    "Invalid user id",
    "the package ijson is not installed",
    # warnings
    " warns: ",
    "the associations are no whole tree",
    " in SLURM's answer",
    " seems to have taken over the association of ",
    # problems of a resource
    " left out: ",
    "the account above has the same",
    "DefaultQOS left out",
    " unreadable",
    " missing: ",
)
"""How the messages begin, or what of them stands between names and numbers."""
RECORDED = (
    "Unable to connect to database",
    "Access/permission denied",
    "Ignoring unknown field",
    "Unknown query field",
)
"""slurmrestd's own words."""


def constants() -> set[str]:
    """The texts of the scanner and of what it shares with the slurm scanner."""
    files = [*(SOURCES / "slurm").glob("*.py"), *(SOURCES / "slurmrestd").glob("*.py")]
    return {
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("message", [*MESSAGES, *RECORDED])
def test_every_message_is_in_the_code_and_in_the_documentation(message: str) -> None:
    """Whoever looks for the words of a message finds what to do; a reworded message is reworded there too."""
    table = DOCUMENTATION.partition("## Troubleshooting by message")[2]
    assert message in RECORDED or any(message in text for text in constants())
    assert message in table


def test_every_setting_and_every_version_is_documented() -> None:
    """Each key in the table of keys, each version of the API in that of versions."""
    keys = DOCUMENTATION.partition("## Configuration")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(\w+)`", keys)) >= set(SlurmrestdSettings.model_fields)
    versions = DOCUMENTATION.partition("## Versions")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (v[\d.]+) \|", versions, flags=re.MULTILINE) == [version.name for version in KNOWN]
