"""What is imported, and what is not."""

import subprocess
import sys

import pytest

from waldur_import_agent.imports import without

DAEMON = """
import sys
import waldur_import_agent.cli.run, waldur_import_agent.cli.session, waldur_import_agent.app, waldur_import_agent.loop
print(*(name for name in sys.argv[1:] if name in sys.modules))
"""
NOT_NEEDED = (
    "rich",
    "pygments",
    "click",
    "better_exceptions",
    "colorama",
    "greenlet",
    "openstack",
    "prometheus_client",
)

COMMAND = """
import sys
from waldur_import_agent.__main__ import main
sys.argv[1:2], heavy = [], sys.argv[1].split()
try:
    main()
except SystemExit as error:
    assert not error.code
print("heavy:", *(name for name in heavy if name in sys.modules))
"""
HEAVY = "apscheduler httpx openstack prometheus_client pydantic rich sqlite3 starlette structlog tenacity yaml"
"""None of which is needed to tell what one is."""


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["run", "--help"], ["records", "import", "--help"]])
def test_a_command_that_only_tells_loads_nothing_heavy(arguments: list[str]) -> None:
    """Each of these libraries takes longer to import than all that such a command has to do."""
    command = [sys.executable, "-c", COMMAND, HEAVY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy:"


def test_a_daemon_loads_nothing_that_it_does_not_use() -> None:
    """Libraries look for others at import, for uses that the agent does not make of them: megabytes, for ever."""
    done = subprocess.run([sys.executable, "-c", DAEMON, *NOT_NEEDED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_module_is_hidden_only_in_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """In it, an import fails as if it were not installed; afterwards it works, after an error too."""
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(ModuleNotFoundError), without("colorsys"):
        import colorsys  # noqa: PLC0415 - the import is what is tested
    import colorsys  # noqa: PLC0415 - the same

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_what_is_loaded_already_is_left_as_it_is() -> None:
    """Hiding it would save nothing, and whoever imports it meanwhile would fail."""
    with without("subprocess"):
        import subprocess as again  # noqa: PLC0415 - the import is what is tested
    assert again is subprocess
    assert sys.modules["subprocess"] is subprocess
