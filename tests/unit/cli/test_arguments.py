"""Arguments of commands."""

import pytest

from waldur_import_agent.cli import make_parser
from waldur_import_agent.errors import ExitCode


def test_a_number_of_rounds() -> None:
    """As many as are asked for."""
    assert make_parser().parse_args(["history", "--limit", "3"]).limit == 3


@pytest.mark.parametrize("text", ["0", "-1", "many", "", "1.5", "\u0663"])
def test_a_number_that_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage: -1 would leave out the oldest round without a word."""
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args(["history", f"--limit={text}"])
    assert ended.value.code == ExitCode.USAGE
    assert "a whole number from 1 on" in capsys.readouterr().err
