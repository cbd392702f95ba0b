"""The command `conformance run`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from waldur_import_agent.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `conformance run`; its exit code and what it printed on stdout and stderr."""

    def run_command(*arguments: object) -> tuple[int, str, str]:
        code = main(["conformance", "run", *(str(argument) for argument in arguments)])
        return code, *capsys.readouterr()

    return run_command


@pytest.fixture
def block(tmp_path: Path) -> Path:
    """The block of a scanner of kind inventory, beside its file."""
    (tmp_path / "shares.jsonl").write_text('{"backend_id": "a"}\n{"backend_id": "b"}\n')
    path = tmp_path / "scanner.yaml"
    path.write_text("type: inventory\npath: shares.jsonl\n")
    return path


def test_a_scanner_is_tested_as_it_runs(run: Run, block: Path) -> None:
    """What can be checked without control over the backend is; the rest is shown with what it needs."""
    code, out, err = run("--", block)
    assert code == 0
    assert out.startswith("Conformance of the scanner inventory\n")
    statuses = {line.split("  ")[0].strip() for line in out.splitlines()[4:] if line.startswith((" PASS", " NOT"))}
    assert statuses == {"PASS", "NOT CHECKED"}
    assert "not checked here: needs a backend that does not answer" in out
    assert "9 pass, 0 fail, 0 exempt, 11 not checked" in err


def test_the_report_is_there_as_json(run: Run, block: Path) -> None:
    """Each check with its promise, how it ended, and a remark."""
    code, out, _ = run("--output", "json", "--", block)
    report = json.loads(out)
    assert (code, report["scanner"], report["failed"]) == (0, "inventory", False)
    results = {result["check"]: result for result in report["results"]}
    assert len(results) == 20
    assert results["same scan twice"] == {
        "check": "same scan twice",
        "promise": "an unchanged backend gives equal scans in the same order",
        "status": "PASS",
        "detail": "2 resources",
    }


def test_a_broken_promise_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    """Here a program prints something else each time."""
    (tmp_path / "list").write_text('#!/bin/sh\necho "{\\"backend_id\\": \\"$$\\"}"\n')
    (tmp_path / "list").chmod(0o755)
    (tmp_path / "scanner.yaml").write_text(f"type: command\ncommand: [{tmp_path}/list]\n")
    code, out, _ = run("-o", "json", "--", tmp_path / "scanner.yaml")
    report = json.loads(out)
    assert (code, report["failed"]) == (1, True)
    (failed,) = (result for result in report["results"] if result["status"] == "FAIL")
    assert failed["check"] == "same scan twice"
    assert "Did the backend change meanwhile?" in failed["detail"]


def test_a_scan_that_takes_too_long_fails(run: Run, tmp_path: Path) -> None:
    """By the time limit that was given; the agent would give up too."""
    (tmp_path / "scanner.yaml").write_text("type: command\ncommand: [sleep, '5']\n")
    code, out, _ = run("--timeout", "100ms", "-o", "json", "--", tmp_path / "scanner.yaml")
    details = [result["detail"] for result in json.loads(out)["results"] if result["status"] == "FAIL"]
    assert code == 1
    assert details[0].startswith("the scanner did not end within 0.1 seconds")


def test_a_wrong_block_is_told_with_its_place(run: Run, block: Path) -> None:
    """Line, column and key, as `config check` does."""
    block.write_text("type: inventory\npth: x.jsonl\n")
    code, _, err = run("--", block)
    assert code == 78
    assert f"{block}:2:1: pth: unknown key (did you mean 'path'?)" in err
    block.write_text("type: inventry\n")
    code, _, err = run("--", block)
    assert code == 78
    assert f"{block}:1:1: type: there is no scanner with this name (did you mean 'inventory'?)" in err


def test_a_whole_configuration_will_do(run: Run, block: Path) -> None:
    """Of several offerings one is chosen."""
    config = block.parent / "config.yaml"
    (block.parent / "token").write_text("x")
    offering = "  - uuid: {}\n    scanner: {{type: inventory, path: shares.jsonl}}\n    projects: {{rules: []}}\n"
    head = "waldur: {url: https://waldur.example.com/, token_file: token}\nofferings:\n"
    config.write_text(head + "".join(offering.format(digit * 32) for digit in "12"))
    code, _, err = run("--", config)
    assert code == 2
    assert "several offerings are configured" in err
    code, out, _ = run("--offering", "2" * 32, "-o", "json", "--", config)
    assert (code, json.loads(out)["scanner"]) == (0, "inventory")
