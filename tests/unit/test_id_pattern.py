"""Which ids do not match the expression of an offering, and what becomes of an expression that is hostile."""

import inspect
import io
import json
import resource
import sys
from pathlib import Path

import pytest

from waldur_import_agent import fullmatch, id_pattern
from waldur_import_agent.id_pattern import Misfits, misfits, refusal
from waldur_import_agent.system import run_process

HOSTILE = r"(a+)+$"
BAIT = "a" * 200 + "!"
"""What HOSTILE is tried on for longer than the universe exists."""


async def test_an_id_must_match_as_a_whole() -> None:
    """As the server has it; whatever characters an id has."""
    ids = ["hpc_1", "hpc_1x", "xhpc_1", "hpc_1\n", "", "ö", "\ud800", "hpc_1x"]
    assert await misfits(r"hpc_\d", ids) == Misfits(frozenset(ids[1:]))
    assert (await misfits("ö|\ud800", ids)).ids == set(ids) - {"ö", "\ud800"}


async def test_without_an_expression_no_program_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor without ids."""
    monkeypatch.setattr(id_pattern, "run_process", None)
    assert await misfits("", ["a"]) == Misfits()
    assert await misfits("a", []) == Misfits()


async def test_an_expression_that_would_run_for_ever_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids are all taken then, and somebody is told."""
    monkeypatch.setattr(id_pattern, "SECONDS", 0.5)
    found = await misfits(HOSTILE, ["b", BAIT])
    assert not found.ids
    assert found.problem == (
        "the offering's backend_id_rules cannot be tried, so only an import will tell which ids Waldur refuses: it "
        "takes longer than 0.5 seconds: (a+)+$"
    )


@pytest.mark.parametrize("pattern", ["(", "(" * 100_000, "(?:" * 5000 + ")" * 5000, r"x{99999999999999}"])
async def test_what_is_no_expression_is_left_to_waldur(pattern: str) -> None:
    """Whatever Python's engine makes of it; it is shown shortened."""
    found = await misfits(pattern, ["a"])
    assert not found.ids
    assert "it is no regular expression" in found.problem
    assert len(found.problem) < 500


async def test_where_no_program_can_be_started_somebody_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The round goes on."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert "could not be started" in (await misfits("a", ["b"])).problem


@pytest.mark.parametrize(
    ("limit", "asked"),
    [
        ("CPU_SECONDS = 1", {"pattern": HOSTILE, "texts": [BAIT]}),
        ("MEMORY_MAX = 1 << 26", {"pattern": "a", "texts": ["a" * (1 << 26)]}),
    ],
)
async def test_the_program_bounds_itself(limit: str, asked: dict[str, object]) -> None:
    """An agent that was killed kills nobody, and memory is short for all."""
    program = inspect.getsource(fullmatch).replace('if __name__ == "__main__":', f"{limit}\nif True:")
    done = await run_process(
        [sys.executable, "-c", program],
        timeout=60,
        output_limit=10_000,
        environment={},
        stdin=json.dumps(asked).encode(),
    )
    assert done.returncode != 0
    assert done.stdout == b""


@pytest.mark.parametrize("error", [PermissionError, ValueError])
def test_where_the_limits_cannot_be_set_the_question_is_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: type[Exception]
) -> None:
    """In a sandbox that forbids it, or where lower ones hold already."""
    tried: list[int] = []

    def refuse(what: int, limits: tuple[int, int]) -> None:
        tried.append(what)
        raise error

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"pattern": "a", "texts": ["a", "b"]}'))
    fullmatch.main()
    assert capsys.readouterr().out == "[1]"
    assert tried == [resource.RLIMIT_CPU, resource.RLIMIT_AS]


def test_a_refusal_names_the_rule_and_the_hint() -> None:
    """The provider's own words, where there are any."""
    assert refusal("acct", "") == "the offering's backend_id_rules would refuse the import: acct"
    assert refusal("a" * 300, "only a") == (
        f"the offering's backend_id_rules would refuse the import: {'a' * 200}… (only a)"
    )
