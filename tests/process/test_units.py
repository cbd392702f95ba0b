"""The units of systemd/, by systemd's own tools (Debian's package systemd; systemd need not run)."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from waldur_import_agent.errors import ExitCode
from waldur_import_agent.settings.load import CREDENTIAL
from waldur_import_agent.settings.models import Settings

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = ("waldur-import-agent.service", "waldur-import-agent-once.service")
EXPOSURE_MAX = 15
"""Tenths: `systemd-analyze security` gives 9.2 to most services and 1.2 or 1.4 to these."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root directory with the units as they are installed, those of systemd itself, and a command."""
    there = tmp_path / "etc/systemd/system"
    shutil.copytree(UNITS, there)
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    command = tmp_path / "usr/local/bin/waldur-import-agent"
    command.parent.mkdir(parents=True)
    command.touch(mode=0o755)
    shutil.rmtree(there / "waldur-import-agent.service.d")
    return tmp_path


@pytest.fixture
def dynamic_user(root: Path) -> Path:
    """The same with the drop-in for a dynamic user."""
    name = "waldur-import-agent.service.d"
    shutil.copytree(UNITS / name, root / "etc/systemd/system" / name)
    return root


def analyze(root: Path, *arguments: str) -> tuple[int, str]:
    """Run systemd-analyze: the exit code, and all that it says."""
    command = ["systemd-analyze", f"--root={root}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def directives(name: str) -> list[tuple[str, str]]:
    """The directives of a unit, in their order."""
    return re.findall(r"^(\w+)=(.*)$", (UNITS / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize("unit", [*SERVICES, "waldur-import-agent-once.timer"])
def test_systemd_has_nothing_to_say(root: Path, unit: str) -> None:
    """No unknown directive, no wrong value, no missing program."""
    assert analyze(root, "verify", unit) == (0, "")


def test_the_check_above_can_fail(root: Path) -> None:
    """A misspelt directive is told, whatever the exit code."""
    unit = root / "etc/systemd/system" / SERVICES[0]
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdokSec"))
    assert "WatchdokSec" in analyze(root, "verify", SERVICES[0])[1]


def test_the_drop_in_too(dynamic_user: Path) -> None:
    """With a dynamic user there is nothing to say either."""
    assert analyze(dynamic_user, "verify", SERVICES[0]) == (0, "")


@pytest.mark.parametrize("unit", SERVICES)
def test_exposure(root: Path, unit: str) -> None:
    """What a service may do beyond its work, in systemd's marks."""
    code, said = analyze(root, "security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", unit)
    assert code == 0, said


def test_exposure_with_a_dynamic_user(dynamic_user: Path) -> None:
    """The drop-in does not open anything."""
    code, said = analyze(dynamic_user, "security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", SERVICES[0])
    assert code == 0, said


def test_only_a_wrong_configuration_stops_restarts() -> None:
    """Not a refused token, an outage or a lock: systemd tries again for ever."""
    found = dict(directives(SERVICES[0]))
    assert found["RestartPreventExitStatus"] == str(ExitCode.CONFIGURATION.value)
    assert (found["Restart"], found["StartLimitIntervalSec"]) == ("always", "0")


def test_a_failed_single_run_is_a_failed_unit() -> None:
    """No exit code but 0 counts as a success there, so that the timer's failure is visible."""
    found = dict(directives(SERVICES[1]))
    assert "SuccessExitStatus" not in found
    assert found["Type"] == "oneshot"


def test_the_timer_spreads_the_sites_and_makes_up_for_a_host_that_was_down() -> None:
    """Each host has a delay of its own that stays, and one run after it was down; the timer is for the single run."""
    found = dict(directives("waldur-import-agent-once.timer"))
    assert (found["OnCalendar"], found["RandomizedDelaySec"]) == ("*:0/5", "2min")
    assert (found["FixedRandomDelay"], found["Persistent"]) == ("yes", "true")
    assert "Unit" not in found  # so it starts the service of its own name


def test_both_services_are_held_to_the_same() -> None:
    """From UMask= on, and in user, token and directories."""
    shared = {"User", "Group", "LoadCredential", "ConfigurationDirectory", "StateDirectory", "StateDirectoryMode"}
    held = []
    for name in SERVICES:
        found = directives(name)
        sandbox = found[[key for key, _ in found].index("UMask") :]
        held.append(
            ([pair for pair in found if pair[0] in shared], [pair for pair in sandbox if pair[0] != "WantedBy"])
        )
    assert held[0] == held[1]


def test_the_units_agree_with_the_defaults() -> None:
    """The directories, the credential's name, and a stop that is longer than `grace`."""
    found = dict(directives(SERVICES[0]))
    fields = Settings.model_fields
    assert fields["state_dir"].default == Path("/var/lib") / found["StateDirectory"]
    assert fields["runtime_dir"].default == Path("/run") / found["RuntimeDirectory"]
    assert found["ReadWritePaths"] == f"-{fields['lock_dir'].default}"
    assert str(fields["lock_dir"].default) in (UNITS / "tmpfiles.d/waldur-import-agent.conf").read_text()
    assert found["LoadCredential"].startswith(f"{CREDENTIAL}:/etc/{found['ConfigurationDirectory']}/")
    assert int(found["TimeoutStopSec"].removesuffix("s")) > fields["grace"].default


def test_a_single_run_that_hangs_is_ended() -> None:
    """By default systemd waits for a oneshot for ever, and a timer starts no other meanwhile."""
    assert dict(directives("waldur-import-agent-once.service"))["TimeoutStartSec"] == "4h"
