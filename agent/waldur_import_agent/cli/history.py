"""`history`: past rounds, from the journal."""

import argparse
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from waldur_import_agent.journal import Journal, Reason, Round
    from waldur_import_agent.settings.models import Settings

COUNTS = ("found", "reported", "refreshed", "withdrawn", "unplaced", "skipped")
SHORT_ID = 8
"""Characters of a round's id in the table; `history show` takes as few as are unique."""
LIMIT = 20


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    parser = subparsers.add_parser(
        "history",
        help="past rounds, and why resources were not reported",
        description="Shows the rounds that the journal keeps: the last 100 of each offering. The journal is only read.",
    )
    parser.add_argument(
        "--limit", metavar="N", type=arguments.count, default=LIMIT, help=f"the newest N (default: {LIMIT})"
    )
    parser.set_defaults(run=run_list)
    _add_shared(parser)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    show = actions.add_parser(
        "show",
        help="one round: each resource that was unplaced, skipped, refused or held back, and why",
        description="Shows one round with each resource that was not reported, and why.",
    )
    show.add_argument("id", metavar="ID", help="the round's id, or its beginning")
    _add_shared(show)
    for action in show._actions:  # noqa: SLF001 - else its defaults undo what stands before `show`
        action.default = argparse.SUPPRESS
    show.set_defaults(run=run_show)


def _add_shared(parser: argparse.ArgumentParser) -> None:
    arguments.add_offering(parser)
    arguments.add_config(parser)
    arguments.add_output(parser)


def run_list(args: argparse.Namespace) -> int:
    """List rounds, the newest first."""
    from waldur_import_agent.cli import output, session

    settings = session.start(args)[0].settings
    with _journal(settings) as journal:
        rounds = _rounds(journal, settings, args.offering)[: args.limit]
    if args.output == "json":
        output.print_json([_as_json(past) for past in rounds])
        return ExitCode.OK
    if not rounds:
        output.say("No round has ended yet. `waldur-import-agent status` shows what the agent is doing.")
        return ExitCode.OK
    columns = ("when", "id", "offering", "requests", *COUNTS, "seconds", "outcome", "message")
    output.print_table("Rounds", columns, [_row(past) for past in rounds])
    output.say("Next: `waldur-import-agent history show ID` lists what was not reported in a round, and why.")
    return ExitCode.OK


def run_show(args: argparse.Namespace) -> int:
    """Show one round. Raises UsageError where no round, or more than one, has this id."""
    from waldur_import_agent.cli import output, session

    settings = session.start(args)[0].settings
    with _journal(settings) as journal:
        found = [past for past in _rounds(journal, settings, args.offering) if past.run.startswith(args.id)]
        if len(found) != 1:
            raise UsageError(
                f"{len(found)} rounds have an id that begins with {args.id}",
                remedy="`waldur-import-agent history` shows the ids",
            )
        past = found[0]
        reasons = journal.reasons(past.run)
    if args.output == "json":
        output.print_json({**_as_json(past), "reasons": reasons})
        return ExitCode.OK
    _print_round(past, reasons)
    return ExitCode.OK


def _journal(settings: "Settings") -> "Journal":
    from waldur_import_agent.journal import Journal

    return Journal.open_to_read(settings.state_dir)


def _rounds(journal: "Journal", settings: "Settings", offering: str | None) -> "list[Round]":
    """The rounds of the configured offerings, or of that one, the newest first. Raises UsageError."""
    from waldur_import_agent.cli import session

    wanted = [session.uuid_argument(offering)] if offering else [each.uuid for each in settings.offerings]
    rounds = [past for uuid in wanted for past in journal.rounds(uuid)]
    return sorted(rounds, key=lambda past: past.started, reverse=True)


def _seconds(past: "Round") -> float:
    return round((past.finished - past.started).total_seconds(), 1)


def _row(past: "Round") -> tuple[object, ...]:
    counts = [past.counts.get(name, "-") for name in COUNTS]
    message = past.message.partition("\n")[0]
    return (
        past.started,
        past.run[:SHORT_ID],
        past.offering,
        "\n".join(past.requests),
        *counts,
        _seconds(past),
        past.outcome,
        message,
    )


def _print_round(past: "Round", reasons: "list[Reason]") -> None:
    from waldur_import_agent.cli import output

    counts = ", ".join(f"{count} {what}" for what, count in past.counts.items())
    facts = (
        ("round", past.run),
        ("offering", past.offering),
        ("requests", ", ".join(past.requests)),
        ("when", f"{output.plain(past.started)}, {_seconds(past)} s"),
        ("outcome", past.outcome),
        ("counts", counts or "-"),
        ("message", past.message or "-"),
    )
    output.print_table("Round", ("what", "value"), facts)
    if reasons:
        rows = [(output.short(reason.backend_id), reason.action, reason.why) for reason in reasons]
        output.print_table("Not reported", ("id", "action", "why"), rows)
    else:
        output.say("Every resource that was found was reported, or was known already.")


def _as_json(past: "Round") -> dict[str, object]:
    return {
        "run": past.run,
        "offering": past.offering,
        "requests": past.requests,
        "started": past.started,
        "finished": past.finished,
        "seconds": _seconds(past),
        "outcome": past.outcome,
        "message": past.message,
        "counts": past.counts,
    }
