"""The commands of docs/how-to/install.md, by heading."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "install.md"


def commands(heading: str, prompt: str = "#") -> list[str]:
    """The commands that stand below a heading after the prompt of root (`#`) or of a person (`$`), in their order."""
    section = re.split(rf"^## {re.escape(heading)}$", PAGE.read_text(), flags=re.MULTILINE)[1].split("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    found = [
        line.removeprefix(f"{prompt} ") for block in blocks for line in block.splitlines() if line[:2] == f"{prompt} "
    ]
    assert found, heading
    return found
