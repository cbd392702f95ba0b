"""The commands `config check`, `config show`, `config init` and `scanners`."""

import json
import os
import re
import stat
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from waldur_import_agent.cli import main
from waldur_import_agent.scanners.record_form import json_schema
from waldur_import_agent.scanners.registry import settings_model

TEXT = """\
waldur: {url: https://waldur.example.com/, token: Hunter2Hunter2, proxy: 'http://user:Hunter2@proxy.example.com:3128'}
offerings:
  - uuid: 0123456789abcdef0123456789abcdef
    scanner: {type: inventory, path: storage.jsonl}
    projects: {rules: [{from: parent, match: '^(?P<slug>.+)$', value: '{slug}'}]}
"""

RULE = "from: this is no attribute, parent[.attribute] or ancestor[.attribute]"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command without variables of this agent; its exit code and what it printed on stdout and stderr."""
    for name in [name for name in os.environ if name.upper().startswith("WALDUR_IMPORT_AGENT")]:
        monkeypatch.delenv(name)

    def run_command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run_command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A good configuration that only its owner and group can read."""
    path = tmp_path / "config.yaml"
    path.write_text(TEXT)
    path.chmod(0o640)
    return path


def test_check_says_what_was_found_and_what_comes_next(run: Run, config: Path) -> None:
    """On stdout, with exit code 0; the file may be named in both ways."""
    code, out, err = run("config", "check", config)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{config}: the configuration is good",
        "  Waldur     https://waldur.example.com/api",
        "  offering   0123456789abcdef0123456789abcdef, scanner inventory",
        f"next: waldur-import-agent scan --config {config}",
    ]
    assert run("config", "check", "--config", config) == (code, out, err)


def test_check_reports_every_problem_on_stderr(run: Run, config: Path) -> None:
    """One a line, nothing before it, so that an editor can jump there; the exit code is that of a bad configuration."""
    config.write_text(TEXT.replace("path:", "pth:").replace("parent", "'a b'") + "grace: soon\n")
    code, out, err = run("config", "check", config)
    assert (code, out) == (78, "")
    assert err.splitlines() == [
        f"{config}:4:5: offerings[0].scanner.path: this key is needed, but missing",
        f"{config}:4:32: offerings[0].scanner.pth: unknown key (did you mean 'path'?)",
        f"{config}:5:25: offerings[0].projects.rules[0].{RULE}",
        f"{config}:6:1: grace: a duration is a number with ms, s, m, h or d, like 30s",
    ]


def test_check_names_the_scanners_where_one_is_not_known(run: Run, config: Path) -> None:
    """With the nearest one."""
    config.write_text(TEXT.replace("type: inventory", "type: inventry"))
    code, _, err = run("config", "check", config)
    assert code == 78
    assert "offerings[0].scanner.type: there is no scanner with this name (did you mean 'inventory'?); known are" in err


def test_check_shows_warnings_and_is_content(run: Run, config: Path) -> None:
    """A token that everybody can read is no reason not to start."""
    config.chmod(0o644)
    code, out, err = run("config", "check", config)
    assert code == 0
    assert out.startswith(f"{config}: the configuration is good")
    assert err.startswith(f"{config}:1:44: waldur.token: every user of this host can read the token")


def test_check_takes_the_environment_into_account(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It checks what the agent would run with."""
    monkeypatch.setenv("WALDUR_IMPORT_AGENT__GRACE", "soon")
    code, _, err = run("config", "check", config)
    assert code == 78
    assert err.startswith("WALDUR_IMPORT_AGENT__GRACE: grace: ")


def test_show_prints_the_effective_settings_and_no_secret(run: Run, config: Path) -> None:
    """Defaults included, the scanner's too, as YAML or JSON; the token and a proxy's password are masked."""
    code, out, err = run("config", "show", "--config", config)
    assert (code, err) == (0, "")
    assert "Hunter2" not in out
    shown = yaml.safe_load(out)
    assert shown["waldur"]["token"] == "**********"
    assert shown["waldur"]["proxy"] == "http://***@proxy.example.com:3128"
    assert shown["grace"] == 60
    assert shown["offerings"][0]["projects"]["rules"][0]["from"] == "parent"
    assert shown["offerings"][0]["scanner"] == {
        "type": "inventory",
        "path": str(config.parent / "storage.jsonl"),
        "format": "auto",
    }
    code, out, _ = run("config", "show", "--config", config, "--output", "json")
    assert json.loads(out) == shown


def test_show_of_a_bad_configuration_fails(run: Run, config: Path) -> None:
    """As every command does."""
    config.write_text("a: 1\n")
    code, out, err = run("config", "show", "--config", config)
    assert (code, out) == (78, "")
    assert "unknown key" in err


def test_init_writes_the_example_that_check_accepts(run: Run, tmp_path: Path) -> None:
    """Whatever the umask, owner and group can read it and nobody else; with its two secrets beside it, it is good."""
    path = tmp_path / "new.yaml"
    before = os.umask(0o077)
    try:
        code, out, _ = run("config", "init", path)
    finally:
        os.umask(before)
    assert code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert out.splitlines()[-1] == f"next: waldur-import-agent config check {path}"
    assert path.read_text() == (Path(__file__).parents[3] / "config.example.yaml").read_text()
    for name in ("token", "secret"):
        (tmp_path / name).write_text("x")
    assert run("config", "check", path)[0] == 0


def test_init_never_overwrites(run: Run, config: Path) -> None:
    """Not even a link that leads nowhere."""
    code, out, err = run("config", "init", config)
    assert (code, out) == (1, "")
    assert f"{config} is there already and was left as it is. Move it away, or name another file" in err
    assert config.read_text() == TEXT


def test_init_says_why_it_cannot_write(run: Run, tmp_path: Path) -> None:
    """The directory is missing, for example."""
    code, _, err = run("config", "init", tmp_path / "missing" / "config.yaml")
    assert code == 1
    assert "cannot be written: No such file or directory. Make its directory, or name another file" in err


def test_scanners_lists_what_is_installed(run: Run) -> None:
    """As a table for people and as JSON for programs."""
    code, out, _ = run("scanners")
    assert code == 0
    assert "inventory" in out
    assert "ready" in out
    code, out, _ = run("scanners", "--output", "json")
    assert code == 0
    errors = {entry["kind"]: entry["error"] for entry in json.loads(out)}
    assert list(errors) == sorted(errors)
    assert errors.keys() >= {"command", "inventory", "openstack", "slurm"}
    assert set(errors.values()) == {None}
    assert all(entry["distribution"].startswith("waldur-import-agent ") for entry in json.loads(out))


def test_scanners_names_a_broken_one(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its error; that it is there is no failure."""
    metadata = tmp_path / "broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[waldur_import_agent.scanners]\nshelf = a_module_that_nobody_has:X\n")
    monkeypatch.syspath_prepend(tmp_path)
    for output in ("table", "json"):
        code, out, _ = run("scanners", "--output", output)
        assert code == 0
        assert "broken 1.0" in out
        assert "No module named 'a_module_that_nobody_has'" in out


def test_scanners_show_tells_what_can_be_set(run: Run, tmp_path: Path) -> None:
    """As YAML that can be pasted: what is needed stands there, all else is commented out at its default."""
    code, out, _ = run("scanners", "show", "inventory")
    assert code == 0
    assert out == (
        "scanner:\n"
        "  type: inventory\n"
        "  # the file; whoever writes it should write another one and rename it\n"
        "  path: storage.jsonl\n"
        "  # jsonl (the record form), csv, or auto: by the ending .jsonl, .ndjson or .csv\n"
        "  #format: auto\n"
    )
    code, _, err = run("scanners", "show", "inventry")
    assert code == 78
    assert "did you mean 'inventory'?" in err


def test_scanners_schema_is_the_record_forms(run: Run) -> None:
    """As JSON, for whoever writes records with another program."""
    code, out, _ = run("scanners", "schema")
    assert code == 0
    assert json.loads(out) == json_schema()


@pytest.mark.parametrize("scanner", ["slurm", "inventory", "command", "openstack"])
def test_init_with_a_scanner_writes_its_settings(run: Run, tmp_path: Path, scanner: str) -> None:
    """One offering with this scanner, whose settings come from its model; `config check` accepts it as it is."""
    path = tmp_path / "config.yaml"
    (tmp_path / "token").write_text("x")
    assert run("config", "init", "--scanner", scanner, path)[0] == 0
    assert run("config", "check", path)[0] == 0
    (offering,) = yaml.safe_load(path.read_text())["offerings"]
    assert offering["scanner"]["type"] == scanner
    everything = re.sub(r"^( *)#(?=\S)", r"\1", path.read_text(), flags=re.MULTILINE)
    (offering,) = yaml.safe_load(everything)["offerings"]
    assert offering["scanner"].keys() == {"type", *settings_model(scanner).model_fields}


def test_init_with_a_scanner_that_is_not_there_writes_nothing(run: Run, tmp_path: Path) -> None:
    """The installed ones are named."""
    code, _, err = run("config", "init", "--scanner", "shelf", tmp_path / "config.yaml")
    assert code == 78
    assert "known are command, inventory" in err
    assert not (tmp_path / "config.yaml").exists()


PLUG_IN = """\
from pathlib import Path
from pydantic import Field
from waldur_import_agent.scanners.base import ScannerSettings

class Settings(ScannerSettings):
    shelf: int = Field(description="which shelf", ge=1)
    path: Path = Field(default=Path("x"), description="a file")

class Shelf:
    kind = "shelf"
    settings_model = Settings
    ids_ignore_case = False
    async def check(self): ...
    async def scan(self): ...
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with the scanner `shelf`."""
    site = tmp_path / "site"
    metadata = site / "shelf-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "shelf_plug_in.py").write_text(PLUG_IN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[waldur_import_agent.scanners]\nshelf = shelf_plug_in:Shelf\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "shelf_plug_in", raising=False)


def test_the_settings_of_a_plug_in_are_checked_like_ours(run: Run, config: Path, plug_in: None) -> None:
    """A wrong value and a key that it does not know are named with line, column and key."""
    config.write_text(TEXT.replace("{type: inventory, path: storage.jsonl}", "{type: shelf, shelf: 0, shelves: 2}"))
    code, _, err = run("config", "check", config)
    assert code == 78
    assert err.splitlines() == [
        f"{config}:4:28: offerings[0].scanner.shelf: this must be greater than or equal to 1",
        f"{config}:4:38: offerings[0].scanner.shelves: unknown key (did you mean 'shelf'?)",
    ]


def test_the_settings_of_a_plug_in_are_shown_like_ours(run: Run, tmp_path: Path, plug_in: None) -> None:
    """By `scanners show` and by `config init --scanner`; a key that is needed and has no example is left to fill in."""
    expected = "# which shelf\nshelf:\n# a file\n#path: x\n"
    code, out, _ = run("scanners", "show", "shelf")
    assert code == 0
    assert out == "scanner:\n  type: shelf\n" + textwrap.indent(expected, "  ")
    path = tmp_path / "config.yaml"
    assert run("config", "init", "--scanner", "shelf", path)[0] == 0
    assert "      type: shelf\n" + textwrap.indent(expected, "      ") in path.read_text()


def test_a_broken_plug_in_is_fatal_where_it_is_configured(run: Run, config: Path, plug_in: None) -> None:
    """`config check` names its place, its package and its error; configurations without it are good."""
    (config.parent / "site" / "shelf_plug_in.py").write_text("raise RuntimeError('no licence')")
    assert run("config", "check", config)[0] == 0
    config.write_text(TEXT.replace("type: inventory", "type: shelf"))
    code, _, err = run("config", "check", config)
    assert code == 78
    assert err == (
        f"{config}:4:15: offerings[0].scanner.type: the scanner 'shelf' of shelf 1.0 cannot be used: "
        "RuntimeError: no licence\n"
    )
