"""The manual page and completion do their work in the programs that read them."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

SHARE = Path(__file__).parents[2] / "share"
BASH = SHARE / "bash-completion/completions/waldur-import-agent"
ZSH = SHARE / "zsh/site-functions"
PAGE = SHARE.parent / "docs/how-to/shell.md"
MANUAL = SHARE / "man/man1/waldur-import-agent.1"


def output(*command: str, directory: Path | None = None) -> str:
    """What a program prints; it must not complain."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def completed(words: list[str], directory: Path) -> set[str]:
    """What bash offers for the last of the words after the command."""
    script = f"""
        source {BASH}
        COMP_WORDS=({shlex.join(["waldur-import-agent", *words])}); COMP_CWORD={len(words)}
        function=$(complete -p waldur-import-agent | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
        $function waldur-import-agent {shlex.quote(words[-1])} x
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return set(output("bash", "--norc", "-c", script, directory=directory).split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["requests", ""], {"list", "show", "create", "fail"}),
        (["run", "--a"], {"--allow-withdrawals"}),
        (["plan", "--output", ""], {"table", "json", "csv"}),
        (["plan", "--config", "con"], {"config.yaml"}),
    ],
)
def test_bash_completes(words: list[str], offered: set[str], tmp_path: Path) -> None:
    """Subcommands, options, their values and files are offered."""
    (tmp_path / "config.yaml").touch()
    assert offered <= completed(words, tmp_path)


def test_page_shows_what_bash_offers(tmp_path: Path) -> None:
    """The example of docs/how-to/shell.md is what completion gives."""
    shown = re.search(r"^\$ waldur-import-agent (\S+)<Tab>\n(.*)$", PAGE.read_text(), re.MULTILINE)
    assert shown is not None
    assert completed([shown[1]], tmp_path) == set(shown[2].split())


def test_zsh_completes(tmp_path: Path) -> None:
    """The function is the command's in zsh, and it names the subcommands."""
    script = f"""
        fpath=({ZSH} $fpath)
        autoload -Uz compinit && compinit -D -u -d {tmp_path}/dump
        print $_comps[waldur-import-agent]
        autoload +X _waldur-import-agent && functions _waldur-import-agent
    """
    name, _, function = output("zsh", "-f", "-c", script, directory=tmp_path).partition("\n")
    assert name == "_waldur-import-agent"
    assert "allow-withdrawals" in function


def test_manual_page_is_well_formed() -> None:
    """The formatter has nothing to complain of, and what a person looks for in a manual is there."""
    shown = output("man", "--warnings", "--encoding=ascii", "-l", str(MANUAL))
    for heading in ("NAME", "SYNOPSIS", "EXIT STATUS", "ENVIRONMENT", "FILES"):
        assert f"\n{heading}\n" in shown
    assert "--allow-withdrawals" in shown
