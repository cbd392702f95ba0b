"""What docs/scanners/slurm.md says of the scanner's messages."""

import ast
from pathlib import Path

import pytest

import waldur_import_agent

DOCUMENTATION = Path(__file__).parents[4] / "docs/scanners/slurm.md"
SOURCES = Path(waldur_import_agent.__file__).parent
MESSAGES = (
    # errors
    "SLURM would show the agent only a part of the accounts",
    "SLURM lists only ",
    "SLURM does not show the agent the account root of the cluster ",
    "the accounting database has no cluster ",
    " clusters, and none is chosen",
    " did not end within ",
    " seconds and was killed",
    " printed more than ",
    " ended in the middle of a line",
    "the answer of sacctmgr ",
    "the scan did not end within ",
    " seconds (scan_timeout)",
    "the saved answer ",
    "the saved answers in ",
    " bytes, and ",
    " was changed after it was saved",
    " is one to another command",
    " not all of the cluster: they were saved by somebody who may not see all",
    "the answer cannot be saved as ",
    "this scanner does not run sacctmgr, so there is nothing to save",
    "the dump ends in the middle of a line",
    "the dump has no line for a cluster",
    "this line of the dump cannot be read",
    "the dump is of the cluster ",
    # what of sacctmgr's words has a remedy
    "Access/permission denied",
    "supported accounting_storage plugin",
    "Could not establish a configuration source",
    "Unable to process configuration file",
    "Unknown field",
    "Unknown condition",
    "No valid entity",
    "unrecognized option",
    "invalid option",
    "Unable to connect to database",
    "Munge encode failed",
    "SLURM_PERSIST_INIT",
    "getaddrinfo() failed",
    "No response to persist_init",
    "reset by peer",
    "Connection refused",
    # warnings
    "the fast read of the associations ",
    "the associations are no whole tree",
    " in SLURM's answer: ",
    " is left out: ",
    "its name is not valid UTF-8",
    "its name holds a comma, and identity is ",
    "read from a dump of the cluster: nothing marks its end",
    # problems of a resource
    "no limits: limits.source is qos, and the account's own row sets no DefaultQOS",
    "no limits: SLURM lists no QOS ",
    " missing: ",
    " unreadable",
    " is not valid UTF-8",
)
"""How the messages begin, or what of them stands between names and numbers."""


def constants() -> set[str]:
    """The texts of the scanner and of what runs a scan, each as a whole where it was split over lines."""
    files = [*(SOURCES / "scanners/slurm").glob("*.py"), SOURCES / "fulfilment/survey.py"]
    return {
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_is_in_the_code_and_in_the_documentation(message: str) -> None:
    """Whoever looks for the words of a message finds what to do; a reworded message is reworded there too."""
    table = DOCUMENTATION.read_text().partition("## Troubleshooting by message")[2]
    assert any(message in text for text in constants())
    assert message in table
