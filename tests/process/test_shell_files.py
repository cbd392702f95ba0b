"""The manual page and completion do their work in the programs that read them."""

import shlex
import subprocess
from pathlib import Path

import pytest

SHARE = Path(__file__).parents[2] / "share"
BASH = SHARE / "bash-completion/completions/waldur-import-agent"
ZSH = SHARE / "zsh/site-functions"
MANUAL = SHARE / "man/man1/waldur-import-agent.1"


def output(*command: str, directory: Path | None = None) -> str:
    """What a program prints; it must not complain."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["re"], {"requests", "records"}),
        (["requests", ""], {"list", "show", "create", "fail"}),
        (["run", "--a"], {"--allow-withdrawals"}),
        (["plan", "--output", ""], {"table", "json", "csv"}),
        (["plan", "--config", "con"], {"config.yaml"}),
    ],
)
def test_bash_completes(typed: list[str], offered: set[str], tmp_path: Path) -> None:
    """Commands, subcommands, options, their values and files are offered."""
    (tmp_path / "config.yaml").touch()
    words = shlex.join(["waldur-import-agent", *typed])
    script = f"""
        source {BASH}
        COMP_WORDS=({words}); COMP_CWORD={len(typed)}
        function=$(complete -p waldur-import-agent | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
        $function waldur-import-agent {shlex.quote(typed[-1])} x
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    assert offered <= set(output("bash", "--norc", "-c", script, directory=tmp_path).split())


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
