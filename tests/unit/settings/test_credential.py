"""The token that systemd hands over (LoadCredential)."""

from pathlib import Path

import pytest

from unit.settings.conftest import GOOD, Load


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    """The directory that systemd makes for a service, with the token."""
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / "waldur-token").write_text("token-of-systemd\n")
    return directory


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("  token_file: token\n", "")])
def test_the_credential_is_the_token_file(load: Load, credentials: Path, text: str) -> None:
    """With and without a token_file in the configuration, which the service's user need not be able to read."""
    waldur = load(text, CREDENTIALS_DIRECTORY=str(credentials)).settings.waldur
    assert (waldur.token_file, waldur.token) == (credentials / "waldur-token", None)


@pytest.mark.parametrize("name", ["TOKEN", "token_file"])
def test_a_variable_of_the_agent_wins(load: Load, credentials: Path, directory: Path, name: str) -> None:
    """Whoever sets it means it, in whatever case of letters."""
    variables = {f"WALDUR_IMPORT_AGENT__WALDUR__{name}": str(directory / "token")}
    waldur = load(GOOD, CREDENTIALS_DIRECTORY=str(credentials), **variables).settings.waldur
    assert waldur.token_file != credentials / "waldur-token"


def test_without_this_credential_the_configuration_counts(load: Load, credentials: Path, directory: Path) -> None:
    """A service may have credentials of other names only."""
    (credentials / "waldur-token").unlink()
    assert load(GOOD, CREDENTIALS_DIRECTORY=str(credentials)).settings.waldur.token_file == directory / "token"
