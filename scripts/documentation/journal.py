"""The reference of the journal, from its schema."""

from documentation import markdown
from documentation.docstrings import of_class
from waldur_import_agent.journal import ROUNDS_KEPT, SCHEMA, SCHEMA_VERSION, Phase

HEAD = f"""\
`journal.sqlite3` in [`state_dir`](configuration.md#state_dir): what this agent has claimed, and how its rounds ended.
It is SQLite with a rollback journal and `synchronous=EXTRA`, mode 0600, for the agent's user alone. `PRAGMA
user_version` is the schema's version, {SCHEMA_VERSION} in this release; a release refuses a journal with another one.

`waldur-import-agent history` shows what is in it. Reading it with `sqlite3 -readonly` does no harm; writing to it
does: after a crash it is what tells the agent's own requests in Waldur from another's. All times are UTC in ISO 8601,
UUIDs are 32 hexadecimal digits."""

TAIL = f"""\
`claim` has a row for each request that the agent has claimed and not yet ended, so it is empty most of the time. Of
each offering the last {ROUNDS_KEPT} rows of `round` are kept, with their rows of `reason`."""


def journal() -> str:
    """The page. Raises KeyError for a phase that nothing is said of."""
    phases = of_class(Phase)
    rows = [[f"`{phase.value}`", markdown.text(phases[phase.name])] for phase in Phase]
    return markdown.page(
        "Journal",
        [
            HEAD,
            "## Schema",
            markdown.block(SCHEMA.strip(), "sql"),
            TAIL,
            "## Phases of a claim",
            "After a crash each of them means: ask Waldur, then scan again.",
            markdown.table(["phase", "meaning"], rows),
        ],
    )
