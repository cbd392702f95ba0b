"""What docs/scanners/openstack.md says of the scanner's messages, settings and examples."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import waldur_import_agent
from waldur_import_agent.scanners.openstack.settings import ApplicationCredential, OpenStackSettings, Select
from waldur_import_agent.settings.models import OfferingSettings

PAGE = (Path(__file__).parents[4] / "docs/scanners/openstack.md").read_text()
SOURCES = Path(waldur_import_agent.__file__).parent / "scanners/openstack"
TABLE = PAGE.partition("## Troubleshooting by message")[2]
MESSAGES = (
    "Keystone does not accept the credential",
    "Keystone does not know the credential: ",
    "there is no ",
    " at its address",
    "no secure connection to ",
    "no connection to the cloud can be set up",
    "openstacksdk is not there",
    "the secret in ",
    " cannot be read",
    "the catalog has no ",
    " for this credential",
    "the catalog has no region ",
    " regions, and none is chosen",
    " refuses ",
    " to the credential",
    "scope is cloud, and the credential is shown one domain's projects only",
    "scope is project, and the credential is not one of a project",
    "scope is domain, and the credential is not one of a domain",
    "Keystone lists ",
    " is not among them",
    " cuts ",
    " and knows no pages",
    " could not give ",
    " whole: it changed too fast",
    "Cinder shows the credential the volumes of its own project only",
    "Neutron shows no quota of another project",
    " does not reach one of its cells",
    "Nova does not show the credential its services",
    " does not know the project ",
    ", and Keystone does",
    " does not accept the token that Keystone gave a moment ago",
    " answered ",
    " when asked for ",
    " could not be asked for ",
    "answers with something that is not its own",
    "servers or volumes of projects that Keystone no longer knows are not offered",
    "limit ",
    " unreadable",
)
"""How the messages begin, or what of them stands between names and numbers."""


def constants() -> set[str]:
    """The texts of the scanner, each as a whole where it was split over lines."""
    return {
        node.value
        for file in SOURCES.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_is_in_the_code_and_in_the_documentation(message: str) -> None:
    """Whoever looks for the words of a message finds what to do; a reworded message is reworded there too."""
    assert any(message in text for text in constants())
    shown = re.sub(r"scope is (?:project|domain), and the credential is not one of a \w+", "scope is ..., and", message)
    assert all(part.strip() in TABLE for part in shown.split("..."))


def test_every_setting_is_in_the_table() -> None:
    """With its default, where that is a word."""
    section = PAGE.partition("## Configuration")[2].partition("\n## ")[0]
    rows = {match[1]: match[2].strip() for match in re.finditer(r"^\| `([\w.]+)` \| ([^|]*)\|", section, re.MULTILINE)}
    expected: dict[str, Any] = {}
    models = {"": OpenStackSettings, "application_credential.": ApplicationCredential, "select.": Select}
    for prefix, model in models.items():
        expected |= {f"{prefix}{name}": field.get_default() for name, field in model.model_fields.items()}
    del expected["application_credential"], expected["select"]
    assert rows.keys() == expected.keys()
    for key, default in expected.items():
        if isinstance(default, bool):
            assert rows[key] == f"`{str(default).lower()}`", key
        elif isinstance(default, str):
            assert rows[key] == f"`{default}`", key
    assert rows["in_flight"] == str(expected["in_flight"])
    assert (rows["timeout"], expected["timeout"]) == ("`1m`", 60.0)


@pytest.mark.parametrize("number", range(len(re.findall(r"```yaml\n(?:scanner|projects|components):", PAGE))))
def test_every_example_is_valid(number: int, tmp_path: Path) -> None:
    """As a part of an offering; files that it names are there."""
    examples = [text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if not text.startswith("#")]
    offering = yaml.safe_load(examples[number])
    block = offering.setdefault("scanner", {"type": "openstack", "cloud": "waldur"})
    OfferingSettings.model_validate({"uuid": "1" * 32, **offering})
    OpenStackSettings.model_validate({key: value for key, value in block.items() if key != "type"})


def test_the_overrides_are_rules() -> None:
    """Each policy of the page is one line of YAML, and names the page's role."""
    examples = [text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if text.startswith("#")]
    assert len(examples) == 4
    rules = {name: rule for text in examples for name, rule in yaml.safe_load(text).items()}
    assert all(rule.endswith("role:import_reader") for rule in rules.values())
    assert len(rules) == 8
