"""Where the token comes from, and how it travels."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.waldur.auth import TokenSource, authorization_header


@pytest.mark.parametrize(
    ("token", "header"),
    [
        ("1f2e3d4c", "Token 1f2e3d4c"),
        ("w_1795000000_Zm9v-bar", "Bearer w_1795000000_Zm9v-bar"),
        ("w_later_x", "Token w_later_x"),
        ("w_17", "Token w_17"),
        ("xw_17_x", "Token xw_17_x"),
    ],
)
def test_personal_access_tokens_travel_as_bearer(token: str, header: str) -> None:
    """The prefix w_<digits>_ decides; all other tokens are Waldur's own."""
    assert authorization_header(token) == header


@pytest.mark.parametrize("content", [b"abc123", b"abc123\n", b"  abc123 \r\nsecond line\n", b"abc123\n\xff\xfe"])
async def test_the_token_is_the_files_first_line(tmp_path: Path, content: bytes) -> None:
    """Blanks around it and whatever follows do not matter."""
    file = tmp_path / "token"
    file.write_bytes(content)
    assert await TokenSource(file).read() == "abc123"


async def test_the_file_is_read_each_time(tmp_path: Path) -> None:
    """A token that was replaced is found."""
    file = tmp_path / "token"
    file.write_text("first")
    source = TokenSource(file)
    assert await source.read() == "first"
    file.write_text("second")
    assert await source.read() == "second"


async def test_each_token_read_is_told() -> None:
    """The log's redactor learns of a token before it is used."""
    told: list[str] = []
    await TokenSource(token=SecretStr("abc123"), on_token=told.append).read()
    assert told == ["abc123"]


async def test_the_token_may_stand_in_the_settings() -> None:
    """Without a file, the settings' token is used."""
    assert await TokenSource(token=SecretStr(" abc123\n")).read() == "abc123"


@pytest.mark.parametrize("content", [b"", b"\n", b"   \nabc123\n"])
async def test_an_empty_file_is_an_error_of_the_configuration(tmp_path: Path, content: bytes) -> None:
    """The error names the file."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"token_file {file} is empty"):
        await TokenSource(file).read()


async def test_a_missing_file_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    """The error names the file and the reason."""
    with pytest.raises(ConfigurationError, match=r"token_file .*/token cannot be read: No such file"):
        await TokenSource(tmp_path / "token").read()


async def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    """`--token-file <(...)` works; a second look, or one at a pipe that took the file's place, would wait for ever."""
    file = tmp_path / "token"
    os.mkfifo(file)
    with file.open("r+b", buffering=0) as writer:
        source = TokenSource(file)
        writer.write(b"abc123\n")
        assert await source.read() == "abc123"
        writer.write(b"abc456\n")
        with pytest.raises(ConfigurationError, match=f"token_file {file} is a pipe, which cannot be read again"):
            await source.read()


@pytest.mark.parametrize(
    "content", [b"Token abc123", b"abc\t123", b"abc\x00123", b"abc123\x7f", "abc-é-123".encode(), b"\xef\xbb\xbfabc123"]
)
async def test_what_cannot_be_a_token_is_refused_unseen(tmp_path: Path, content: bytes) -> None:
    """A blank or an unusual character would break the header; the error does not repeat the content."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="does not hold a token") as raised:
        await TokenSource(file).read()
    assert "123" not in str(raised.value).replace(str(file), "")


async def test_a_token_with_a_line_break_in_the_settings_is_refused() -> None:
    """The setting is named, the value is not."""
    with pytest.raises(ConfigurationError, match=r"waldur\.token does not hold a token") as raised:
        await TokenSource(token=SecretStr("abc\nHost: evil")).read()
    assert "evil" not in str(raised.value)


def test_a_source_does_not_show_its_token(tmp_path: Path) -> None:
    """The repr says where it reads from."""
    assert "abc123" not in repr(TokenSource(token=SecretStr("abc123")))
    assert str(tmp_path) in repr(TokenSource(tmp_path))
