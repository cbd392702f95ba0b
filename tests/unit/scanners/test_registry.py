"""Scanners as entry points: ours, those of plug-ins, and plug-ins that are broken."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from waldur_import_agent import __version__
from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.scanners.inventory import InventoryScanner, InventorySettings
from waldur_import_agent.scanners.registry import available, scanner_class, settings_model

OURS = ["command", "inventory", "openstack", "slurm", "slurmrestd"]

GOOD = """\
from waldur_import_agent.scanners.base import ScannerSettings

class Shelf:
    kind = "shelf"
    settings_model = ScannerSettings
    ids_ignore_case = False
    async def check(self): ...
    async def scan(self): ...
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a package with one module and one scanner entry point where Python finds installed packages."""

    def install_package(package: str, module: str, *, name: str = "shelf", attribute: str = "Shelf") -> None:
        root = tmp_path / package
        metadata = root / f"{package}-1.2.dist-info"
        metadata.mkdir(parents=True)
        (root / f"{package}_module.py").write_text(module)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (metadata / "entry_points.txt").write_text(
            f"[waldur_import_agent.scanners]\n{name} = {package}_module:{attribute}\n"
        )
        monkeypatch.syspath_prepend(root)
        monkeypatch.delitem(sys.modules, f"{package}_module", raising=False)

    return install_package


def test_our_scanners_are_available() -> None:
    """In the order of their names, with the package that they come from."""
    found = available()
    assert [entry.name for entry in found] == OURS
    assert {entry.distribution for entry in found} == {f"waldur-import-agent {__version__}"}
    assert found[1].scanner is InventoryScanner
    assert {entry.error for entry in found} == {""}


def test_a_scanner_is_found_by_its_name() -> None:
    """And its settings model with it."""
    assert scanner_class("inventory") is InventoryScanner
    assert settings_model("inventory") is InventorySettings


def test_a_name_that_is_not_known_gets_the_nearest_and_all_others() -> None:
    """So the person who misspelt it need not look it up."""
    with pytest.raises(ConfigurationError, match=rf"did you mean 'slurm'\?\); known are {', '.join(OURS)}"):
        scanner_class("Slrum")
    with pytest.raises(ConfigurationError, match=f"there is no scanner with this name; known are {', '.join(OURS)}"):
        scanner_class("xyz")


def test_a_plug_in_is_a_scanner_like_ours(install: Install) -> None:
    """Installing a package is all it takes."""
    install("goodshelf", GOOD)
    assert scanner_class("shelf").kind == "shelf"
    assert ("shelf", "goodshelf 1.2") in [(entry.name, entry.distribution) for entry in available()]
    assert [entry.name for entry in available()] == sorted([*OURS, "shelf"])


def test_what_a_plug_in_prints_is_not_among_our_results(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """`scanners --output json` stays JSON, whatever a package says while it is imported."""
    install("goodshelf", f"print('welcome')\n{GOOD}")
    assert scanner_class("shelf").kind == "shelf"
    assert capsys.readouterr() == ("", "welcome\n")


@pytest.mark.parametrize(
    ("module", "attribute", "error"),
    [
        ("raise RuntimeError('no licence')", "Shelf", "RuntimeError: no licence"),
        ("raise SystemExit('no licence')", "Shelf", "SystemExit: no licence"),
        ("import a_module_that_nobody_has", "Shelf", "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"),
        ("x = 1", "Shelf", "AttributeError: module 'brokenshelf_module' has no attribute 'Shelf'"),
        ("Shelf = 1", "Shelf", "the entry point does not name a class"),
        ("class Shelf: kind = 'shelf'", "Shelf", "the class Shelf has no settings_model, ids_ignore_case, check, scan"),
        (GOOD.replace('"shelf"', '"rack"'), "Shelf", "the class Shelf has another `kind` than the entry point's name"),
        (GOOD.replace("= ScannerSettings", "= dict"), "Shelf", "`settings_model` of Shelf is no ScannerSettings"),
    ],
)
def test_a_broken_plug_in_is_named_with_its_error(install: Install, module: str, attribute: str, error: str) -> None:
    """It is listed, it does not disturb the others, and it is fatal where it is configured."""
    install("brokenshelf", module, attribute=attribute)
    broken = next(entry for entry in available() if entry.name == "shelf")
    assert (broken.scanner, broken.error) == (None, error)
    assert scanner_class("inventory") is InventoryScanner
    with pytest.raises(ConfigurationError) as caught:
        scanner_class("shelf")
    assert str(caught.value) == f"the scanner 'shelf' of brokenshelf 1.2 cannot be used: {error}"


def test_two_packages_with_one_name_are_an_error(install: Install) -> None:
    """Which of them would be used is chance, so neither is."""
    install("oneshelf", GOOD)
    install("twoshelf", GOOD)
    with pytest.raises(ConfigurationError, match=r"of oneshelf 1\.2 and twoshelf 1\.2 cannot be used: more than one"):
        scanner_class("shelf")
