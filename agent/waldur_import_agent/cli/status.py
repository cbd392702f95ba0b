"""`status`: what the agent is doing and did, by what it wrote into status.json."""

import argparse
from typing import Any

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import AgentError, ExitCode

COLUMNS = ("#", "offering", "scanner", "now", "last poll", "next poll", "Waldur", "last round", "last error")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "status",
        help="what the agent is doing and did",
        description="Shows what the agent on this host is doing: it reads status.json, and asks neither Waldur nor the "
        "agent. The exit code is 0 where the agent lives, also while Waldur is away, else 1.",
    )
    parser.add_argument(
        "--healthy",
        action="store_true",
        help="print nothing but a reason and end with 0 or 1: for probes; the configuration is not read",
    )
    parser.add_argument(
        "--runtime-dir",
        metavar="DIR",
        help="where status.json is (default: $WALDUR_IMPORT_AGENT__RUNTIME_DIR, else runtime_dir of the "
        "configuration; with --healthy: else /run/waldur-import-agent)",
    )
    arguments.add_config(parser)
    arguments.add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from waldur_import_agent.health import probe

    if args.healthy:
        return probe.check(args.runtime_dir or probe.directory_by_default())
    import time

    from waldur_import_agent.cli import output

    status = _read(args)
    try:
        reason = probe.unhealthy(status, time.monotonic())
        rows = [_row(offering) for offering in status["offerings"]]
        head = f"waldur-import-agent {status['version']}, process {status['pid']}, for {status['url']}"
        doing = f"{status['state']}: {reason or status['doing']} ({status['written']})"
    except (KeyError, TypeError) as error:
        raise AgentError(
            f"{probe.NAME} was written by another release of the agent, or by another program: {error!r}",
            remedy="Ask with the command of the release that runs, or start the agent again",
        ) from error
    if args.output == "json":
        output.print_json({**status, "healthy": not reason, "unhealthy_because": reason})
    else:
        print(output.plain(head))
        print(output.plain(doing))
        output.print_table("Offerings", COLUMNS, rows)
        output.say("Next: `waldur-import-agent history` shows past rounds.")
    return ExitCode.FAILED if reason else ExitCode.OK


def _read(args: argparse.Namespace) -> dict[str, Any]:
    """The status. Raises AgentError where there is none."""
    from waldur_import_agent.health import probe

    directory = args.runtime_dir
    if directory is None:
        from waldur_import_agent.cli import session

        directory = str(session.start(args)[0].settings.runtime_dir)
    try:
        return probe.read_status(directory)
    except (OSError, ValueError) as error:
        raise AgentError(
            f"{directory}/{probe.NAME} cannot be read: {getattr(error, 'strerror', None) or error}",
            remedy="The agent does not run, or writes elsewhere (runtime_dir), or this user may not look there; "
            "`waldur-import-agent history` shows past rounds",
        ) from error


def _row(offering: dict[str, Any]) -> tuple[object, ...]:
    total = f" {offering['done']} of {offering['total']}" if offering["total"] else ""
    return (
        offering["number"],
        offering["offering"],
        offering["scanner"],
        offering["phase"] + total,
        _time(offering["last_poll"]),
        _time(offering["next_poll"]),
        _ready(offering),
        _round(offering["last_round"]),
        "-" if offering["last_error"] is None else _error(offering["last_error"]),
    )


def _time(text: str | None) -> str:
    return "-" if text is None else text[:19].replace("T", " ")


def _ready(offering: dict[str, Any]) -> str:
    word = {None: "not asked yet", True: "ready", False: "not ready"}[offering["ready"]]
    return word if offering["ready_since"] is None else f"{word} since {_time(offering['ready_since'])}"


def _round(last: dict[str, Any] | None) -> str:
    if last is None:
        return "-"
    counts = ", ".join(f"{count} {what}" for what, count in last["counts"].items() if count or what == "found")
    return f"{last['outcome']} {_time(last['finished'])}, {last['seconds']:g} s{': ' if counts else ''}{counts}"


def _error(error: dict[str, Any]) -> str:
    return f"{_time(error['at'])} {error['text']}"
