"""The reference of the exit codes, from the enumeration that the commands use."""

from documentation import markdown
from documentation.docstrings import of_class
from waldur_import_agent.errors import ExitCode

HEAD = """\
Every command ends with one of these. The numbers above 63 are those of `sysexits.h`. With several offerings the worst
counts: what keeps requests from being answered comes before those that ended Erred."""


def exit_codes() -> str:
    """The page. Raises KeyError for a code that nothing is said of."""
    meanings = of_class(ExitCode)
    rows = [[f"**{code.value}**", f"`{code.name}`", meanings[code.name]] for code in ExitCode]
    return markdown.page("Exit codes", [HEAD, markdown.table(["code", "name", "meaning"], rows)])
