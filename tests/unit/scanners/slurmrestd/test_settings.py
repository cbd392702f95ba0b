"""What the scanner's block may hold."""

from typing import Any

import pytest
from pydantic import ValidationError

from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.slurm.settings import SlurmSettings
from waldur_import_agent.scanners.slurmrestd import SlurmrestdScanner
from waldur_import_agent.scanners.slurmrestd.settings import SlurmrestdSettings

GOOD: dict[str, Any] = {"url": "https://slurm.example.com:6820/", "token_file": "token"}


def test_an_address_has_no_slash_at_its_end() -> None:
    """It is put before paths."""
    assert SlurmrestdSettings.model_validate(GOOD).url == "https://slurm.example.com:6820"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"url": None}, "give either url or socket"),
        ({"socket": "/run/slurmrestd.socket"}, "give either url or socket"),
        ({"token_file": None}, "give either token_file or token_command"),
        ({"token_command": ["scontrol", "token"]}, "give either token_file or token_command"),
        ({"url": "http://slurm:6820", "ca_file": "ca.pem"}, "ca_file is for a url that begins with https://"),
        ({"url": None, "socket": "s", "ca_file": "ca.pem"}, "ca_file is for a url that begins with https://"),
        ({"url": "slurm:6820"}, "begins with https:// or http://"),
        ({"url": "ftp://slurm"}, "begins with https:// or http://"),
        ({"url": "http://slurm:0"}, "begins with https:// or http://"),
        ({"url": "http://slurm:port"}, "look at its host and port"),
        ({"url": "http://user:secret@slurm"}, "must not carry a user name or a password"),
        ({"url": "http://slurm/?a=1"}, "no ? and no #"),
        ({"user": "two words"}, "user"),
        ({"answer_limit": 0}, "answer_limit"),
        ({"sacctmgr": "/usr/bin/sacctmgr"}, "sacctmgr"),
    ],
)
def test_what_cannot_work_is_refused(changed: dict[str, Any], words: str) -> None:
    """When the configuration is read, and without the value."""
    with pytest.raises(ValidationError) as raised:
        SlurmrestdSettings.model_validate({**GOOD, **changed})
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_scanner_takes_its_own_settings_only() -> None:
    """Those of the other one have other keys."""
    with pytest.raises(TypeError, match="needs SlurmrestdSettings"):
        SlurmrestdScanner(SlurmSettings())
    with pytest.raises(TypeError, match="needs SlurmSettings"):
        SlurmScanner(SlurmrestdSettings.model_validate(GOOD))
