"""The worksheet of `plan --output csv`: where it is written, and what people have filled in already."""

from pathlib import Path
from typing import TYPE_CHECKING

from waldur_import_agent.errors import AgentError, ConfigurationError

if TYPE_CHECKING:
    from waldur_import_agent.placement import Table


def read_filled(path: Path | None, overrides: Path | None) -> "list[Table]":
    """What people have filled in: the lines of the overrides file, and of `path`, which would be overwritten.

    Raises AgentError where `path` is no worksheet, or where a line cannot be read or a cell stands under no heading,
    which writing it again would lose, and ConfigurationError where the overrides file cannot be read.
    """
    from waldur_import_agent.placement.overrides import COLUMNS
    from waldur_import_agent.placement.table import read_table

    filled = [] if overrides is None else [read_table(overrides, "overrides file", COLUMNS)]
    if path is None or not path.exists() or (overrides is not None and path.samefile(overrides)):
        return _whole(filled)
    try:
        return _whole([*filled, read_table(path, "file", COLUMNS)])
    except ConfigurationError as error:
        raise AgentError(
            f"{path} is there and was left as it is, since it is no worksheet: {error.args[0]}",
            remedy="Name another file, or move this one away",
        ) from error


def _whole(filled: "list[Table]") -> "list[Table]":
    for table in filled:
        if table.unreadable:
            raise AgentError(table.unreadable[0], remedy="Mend this line first: writing the worksheet would lose it")
        if table.unheaded:
            raise AgentError(
                table.unheaded[0],
                remedy="Give its column a name in the first line: writing the worksheet would lose it",
            )
    return filled


def write_text(path: Path | None, text: str) -> None:
    """Write CSV to stdout, or into a file with a byte order mark, by which a spreadsheet knows UTF-8.

    Raises AgentError.
    """
    from waldur_import_agent.cli import output
    from waldur_import_agent.system import write_file

    if path is None:
        output.print_csv(text)
        return
    try:
        write_file(path, "\ufeff" + text)
    except OSError as error:
        raise AgentError(f"{path} cannot be written: {error.strerror}", remedy="Name another file") from error
