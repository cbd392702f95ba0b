"""`run`: answer requests, as a daemon or once."""

import argparse
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waldur_import_agent.fulfilment import RoundReport
    from waldur_import_agent.fulfilment.survey import Progress
    from waldur_import_agent.redactor import Redactor
    from waldur_import_agent.settings.load import Configuration

LAST_SECONDS = 7.0
"""Seconds that the process has to clean up after its rounds have ended, or were cut off.

Killing a round's child processes takes five at the most.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run",
        help="answer requests, as a daemon or once",
        description="Answers the backend resource requests of the configured offerings. Without --once it polls for "
        "them until SIGTERM or SIGINT; the round that runs then may end, a second signal cuts it off.",
    )
    parser.add_argument("--once", action="store_true", help="answer all that is Sent, then exit; the exit code tells")
    parser.add_argument(
        "--allow-withdrawals",
        action="store_true",
        help="with --once: withdraw however many records stand for what is gone from the backend",
    )
    arguments.add_config(parser)
    arguments.add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import asyncio
    import faulthandler

    from waldur_import_agent.cli import output, session

    if args.allow_withdrawals and not args.once:
        output.say("waldur-import-agent: --allow-withdrawals goes with --once")
        return ExitCode.USAGE
    configuration, redact = session.start(args)
    faulthandler.enable()  # a watchdog's SIGABRT tells where the agent hung
    with output.progress() if args.once else output.silence() as progress:
        reports, abandoned = asyncio.run(_answer(configuration, redact, progress, args))
    if not args.once:
        return ExitCode.LEFT if abandoned else ExitCode.OK
    _show(reports, args.output, redact)
    return ExitCode.LEFT if abandoned else exit_code(reports)


async def _answer(
    configuration: "Configuration", redact: "Redactor", progress: "Progress", args: argparse.Namespace
) -> "tuple[list[RoundReport], bool]":
    """The reports of the rounds of a single run, and whether a round was cut off."""
    import asyncio
    import contextlib

    from waldur_import_agent import app, loop
    from waldur_import_agent.health.health import Health
    from waldur_import_agent.health.systemd import Notifier
    from waldur_import_agent.log import get_logger
    from waldur_import_agent.system import exit_after

    stop = asyncio.Event()
    settings = configuration.settings
    health = Health(settings, Notifier(), once=args.once)
    around = app.Surroundings(
        stop=stop, redact=redact, progress=progress, allow_withdrawals=args.allow_withdrawals, health=health
    )
    reports: list[RoundReport] = []
    async with app.open_answerers(configuration, around) as answerers, health.running(stop):

        async def work() -> None:
            if args.once:
                reports.extend(await loop.answer_all_once(answerers, stop))
                return
            checking = asyncio.create_task(app.check_scanners(answerers, health))
            try:
                await loop.Loop(answerers, settings.poll_interval, stop).run()
            finally:
                checking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await checking

        get_logger().info("agent started", url=settings.waldur.url, offerings=len(answerers), once=args.once)
        task = asyncio.ensure_future(work())

        def abandon() -> None:
            task.cancel()
            exit_after(LAST_SECONDS, ExitCode.LEFT)

        with loop.stop_on_signals(stop, settings.grace, abandon):
            try:
                await task
            except asyncio.CancelledError:
                get_logger().warning("a round was cut off; the next start takes it up again")
                return reports, True
        if stop.is_set():
            # a thread that asks a name server cannot be cancelled, and the interpreter would wait for it
            exit_after(LAST_SECONDS, ExitCode.LEFT if args.once else ExitCode.OK)
    get_logger().info("agent stopped")
    return reports, False


WORST_FIRST = (
    ExitCode.BUG,
    ExitCode.CONFIGURATION,
    ExitCode.AUTHENTICATION,
    ExitCode.UNAVAILABLE,
    ExitCode.LEFT,
    ExitCode.FAILED,
)


def exit_code(reports: "Sequence[RoundReport]") -> ExitCode:
    """A single run's exit code: what keeps requests from being answered counts most, then those that ended Erred."""
    from waldur_import_agent.errors import AgentError
    from waldur_import_agent.fulfilment import Ending

    codes = set()
    for report in reports:
        error = report.outcome.error
        if report.outcome.ending in {Ending.WAITING, Ending.IMPOSSIBLE}:
            codes.add(error.exit_code if isinstance(error, AgentError) else ExitCode.LEFT)
        elif report.outcome.ending is Ending.ERRED or report.given_up:
            codes.add(ExitCode.FAILED)
    return next((code for code in WORST_FIRST if code in codes), max(codes, default=ExitCode.OK))


def _show(reports: "Sequence[RoundReport]", form: str, redact: "Redactor") -> None:
    from waldur_import_agent.cli import output
    from waldur_import_agent.fulfilment import Ending

    told = [report for report in reports if report.outcome.ending is not Ending.NOTHING or report.given_up]
    if form == "json":
        output.print_json([_as_json(report, redact) for report in told])
        return
    if not told:
        output.say("Nothing to do: no request is Sent. Ask with `waldur-import-agent requests create`.")
        return
    rows = [
        (request, report.outcome.ending, _counts(report), _message(report, redact))
        for report in told
        for request in report.requests or ("-",) * (not report.given_up)
    ]
    rows += [(request, Ending.ERRED, "", "given up, see the log") for report in told for request in report.given_up]
    output.print_table("Requests", ("request", "outcome", "what was done", "message"), rows)
    if any(report.outcome.ending is Ending.DONE for report in told):
        output.say("Next: `waldur-import-agent records list` shows what Waldur now offers for import.")
    else:
        output.say("Next: mend what the message says, then `waldur-import-agent run --once` again.")


def _counts(report: "RoundReport") -> str:
    return ", ".join(f"{count} {what}" for what, count in report.counts.items() if count or what == "found")


def _message(report: "RoundReport", redact: "Redactor") -> str:
    return report.outcome.message or redact(str(report.outcome.error or ""))


def _as_json(report: "RoundReport", redact: "Redactor") -> dict[str, object]:
    return {
        "run": report.run,
        "offering": report.offering,
        "requests": report.requests,
        "given_up": report.given_up,
        "outcome": report.outcome.ending,
        "message": _message(report, redact),
        "counts": report.counts,
        "started": report.started,
        "finished": report.finished,
    }
