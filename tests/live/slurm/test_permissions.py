"""What a user of SLURM may see, and that the agent never takes a part for the whole: the real command as other users.

The users are ones that every Debian has, so that none needs to be made.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from live.slurm.conftest import RestBackend
from live.slurm.slurm_lab import SlurmLab, as_user
from waldur_import_agent.scanners.base import BackendMisconfiguredError, CheckStatus

UNKNOWN, PLAIN, COORDINATOR, OPERATOR = "games", "news", "lp", "mail"
"""One whom SLURM does not know, one with an association, one who coordinates an account, one with AdminLevel."""
SEES_ALL = {OPERATOR, "root"}
HIDING = ("accounts", "users", "accounts,users,usage")
CASES = [
    ("", UNKNOWN),
    ("usage", UNKNOWN),
    *(("accounts", user) for user in (UNKNOWN, PLAIN, COORDINATOR, OPERATOR)),
    *(("users", user) for user in (UNKNOWN, PLAIN, COORDINATOR, OPERATOR, "root")),
    *(("accounts,users,usage", user) for user in (UNKNOWN, COORDINATOR, OPERATOR)),
]
"""Values of slurmdbd's PrivateData, each with the users for whom it makes a difference."""
SCAN_AND_CHECK = """
import asyncio, json, sys
from pathlib import Path
from waldur_import_agent.cli import main
from waldur_import_agent.scanners.registry import settings_model
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.settings.load import load_configuration

settings = load_configuration(Path(sys.argv[1]), settings_model).scanners[0]
checks = asyncio.run(SlurmScanner(settings).check())
print(json.dumps([[check.status.value, check.name, check.detail, check.remedy] for check in checks]))
sys.stdout.flush()
sys.exit(main(["scan", "--config", sys.argv[1], "--output", "json"]))
"""
"""The first line is what the scanner's check() says, the rest what the command `scan` prints: one start for both."""


@pytest.fixture(scope="module")
def accounts(slurm_lab: SlurmLab) -> set[str]:
    """All accounts of the cluster but root; two of them have the users above."""
    manifest = slurm_lab.seed(60, direct=False)
    add = ("add", "account", f"cluster={manifest['cluster']}")
    slurm_lab.sacctmgr(*add, "name=people", "parent=root")
    slurm_lab.sacctmgr(*add, "name=coordinated", "parent=root")
    slurm_lab.sacctmgr("add", "user", PLAIN, "account=people")
    slurm_lab.sacctmgr("add", "user", COORDINATOR, "account=coordinated")
    slurm_lab.sacctmgr("add", "coordinator", "account=coordinated", f"names={COORDINATOR}")
    slurm_lab.sacctmgr("add", "user", OPERATOR, "account=people", "adminlevel=operator")
    return {account["name"] for account in manifest["regular"]} | {"people", "coordinated"}


@pytest.fixture(scope="module")
def private(slurm_lab: SlurmLab, accounts: set[str], request: pytest.FixtureRequest) -> str:
    """The value of slurmdbd's PrivateData, which hides nothing where it is empty or usage."""
    slurm_lab.stop("slurmdbd")
    slurm_lab.start(private=request.param)
    value: str = request.param
    return value


@pytest.fixture
def config(slurm_lab: SlurmLab, accounts: set[str], tmp_path: Path) -> Path:
    """A configuration with the slurm scanner."""
    path = tmp_path / "config.yaml"
    offering = {
        "uuid": "38ba14c70a274580adabe742014bddaa",
        "scanner": {
            "type": "slurm",
            "cluster": slurm_lab.cluster,
            "sacctmgr": str(slurm_lab.program),
            "accounts": {"select": "all"},
        },
        "projects": {"rules": [{"from": "parent", "match": "^(?P<slug>.+)$", "value": "{slug}"}]},
    }
    path.write_text(
        yaml.safe_dump(
            {
                "waldur": {"url": "https://waldur.invalid/api/", "token": "0" * 40},
                "state_dir": str(tmp_path / "state"),
                "lock_dir": str(tmp_path / "lock"),
                "offerings": [offering],
            }
        )
    )
    return path


@dataclass
class Answer:
    """What a user's scan gave: the accounts, whether the scan calls itself complete, the words of its doubt.

    `failed` are the checks that did not pass.
    """

    found: set[str]
    complete: bool
    words: str
    failed: list[list[str]]


def scan_as(user: str, config: Path) -> Answer:
    """The real command's scan; one that failed is not complete."""
    command = [*as_user(user), sys.executable, "-c", SCAN_AND_CHECK, config]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    checks, _, printed = done.stdout.partition("\n")
    failed = [check for check in json.loads(checks) if check[0] != "PASS"]
    if done.returncode:
        return Answer(set(), complete=False, words=done.stderr, failed=failed)
    scan: dict[str, Any] = json.loads(printed)
    found = {resource["backend_id"] for resource in scan["resources"]}
    return Answer(found, scan["complete"], "\n".join(scan["warnings"]) + done.stderr, failed)


@pytest.mark.parametrize(("private", "user"), CASES, indirect=["private"])
def test_a_part_is_never_taken_for_the_whole(private: str, accounts: set[str], config: Path, user: str) -> None:
    """Every user with every PrivateData: all accounts, or the doubt with what would cure it; check() says the same."""
    answer = scan_as(user, config)
    if user in SEES_ALL or private not in HIDING:
        assert (answer.found, answer.complete) == (accounts, True), answer.words
        assert not answer.failed
    else:
        assert not answer.complete
        assert answer.found <= accounts
        assert "AdminLevel=Operator" in answer.words
        assert "PrivateData" in answer.words
        assert any("Operator" in remedy for _, _, _, remedy in answer.failed)


@pytest.mark.parametrize(("private", "user"), CASES, indirect=["private"])
async def test_slurmrestd_does_not_give_a_part_for_the_whole_either(
    private: str, accounts: set[str], rest_backend: RestBackend, slurm_lab: SlurmLab, user: str
) -> None:
    """The same users with tokens of their own, though slurmrestd does not tell PrivateData."""
    rest_backend.let_in(slurm_lab.token(user))
    failed = [check for check in await rest_backend.scanner().check() if check.status is not CheckStatus.PASS]
    if user in SEES_ALL or private not in HIDING:
        result = await rest_backend.scan(accounts={"select": "all"})
        assert ({resource.backend_id for resource in result.resources}, result.complete) == (accounts, True)
        assert not failed
    else:
        with pytest.raises(BackendMisconfiguredError, match="AdminLevel=Operator"):
            await rest_backend.scan(accounts={"select": "all"})
        assert "AdminLevel=Operator" in failed[0].remedy


@pytest.mark.parametrize("private", ["users"], indirect=True)
def test_what_sacctmgr_itself_says(private: str, accounts: set[str], slurm_lab: SlurmLab) -> None:
    """The reason for all this: with PrivateData=users an unknown user gets an empty list, and the exit code is 0."""
    program = [slurm_lab.program, "-i", "-n", "-P", "-r", "show", "assoc", "format=Account"]
    done = subprocess.run([*as_user(UNKNOWN), *program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
