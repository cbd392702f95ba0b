"""`requests list --stuck` and `requests fail`: requests that some agent has left in Processing.

Waldur never ends them by itself, and takes set_erred from any state and from anybody with the permission: so the state
is looked at once more before it is sent, and a request that an agent on this host works on is left to it.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import AgentError, ExitCode, LockedError, StateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waldur_import_agent.journal import Claim
    from waldur_import_agent.settings.models import Settings
    from waldur_import_agent.waldur.client import WaldurClient
    from waldur_import_agent.waldur.effort import Effort
    from waldur_import_agent.waldur.models import BackendResourceRequest

OLDER_THAN = 3600.0
"""Seconds in Processing after which a request counts as stuck, unless told otherwise."""
COLUMNS = ("request", "offering", "in Processing since", "for", "this host's journal")


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    """`--stuck` and `--older-than`."""
    parser.add_argument("--stuck", action="store_true", help="only those that have been in Processing for long")
    parser.add_argument(
        "--older-than",
        type=arguments.seconds,
        metavar="DURATION",
        help="with --stuck: for how long at least (default: 1h)",
    )


def add_fail_parser(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add `fail`."""
    parser = actions.add_parser(
        "fail",
        help="end a request Erred that some agent has left in Processing",
        description="Ends a request in Processing as Erred, so that staff see that it was not answered. Refuses while "
        "an agent on this host works on it; whether one on another host does, nobody can tell but you.",
    )
    parser.add_argument("uuid", metavar="UUID")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="what staff read as the error message")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="a staff user's token (default: the agent's own token)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=run_fail)
    return parser


def require_sense(args: argparse.Namespace) -> None:
    """Raises UsageError for options that would be without effect."""
    if args.stuck and args.state:
        raise UsageError("--state does not go with --stuck", remedy="Stuck requests are those in Processing")
    if args.older_than is not None and not args.stuck:
        raise UsageError("--older-than is for --stuck", remedy="Add --stuck, or leave it out")


def show_stuck(settings: "Settings", requests: "Sequence[BackendResourceRequest]", args: argparse.Namespace) -> int:
    """Show those of `requests`, all in Processing, that have been so for long."""
    from datetime import timedelta

    from waldur_import_agent.cli import output
    from waldur_import_agent.system import now

    moment = now()
    stuck = []
    for request in requests:
        age = (moment - (request.started or request.created)).total_seconds()
        if age >= (OLDER_THAN if args.older_than is None else args.older_than):
            stuck.append((request, age, _journal_says(settings, request)))
    stuck.sort(key=lambda entry: entry[1], reverse=True)
    if args.output == "json":
        output.print_json(
            [
                {**request.model_dump(mode="json"), "seconds": round(age), "journal": says}
                for request, age, says in stuck
            ]
        )
        return ExitCode.OK
    rows = [
        (
            request.uuid,
            request.offering_name or request.offering,
            request.started,
            str(timedelta(seconds=round(age))),
            says,
        )
        for request, age, says in stuck
    ]
    output.print_table("Stuck requests", COLUMNS, rows)
    output.say(
        "Next: `waldur-import-agent run --once` finishes those of this host's journal; "
        f"`waldur-import-agent requests fail {stuck[0][0].uuid} --reason 'left by its agent'` ends one of another's."
        if stuck
        else "Next: nothing is stuck; `waldur-import-agent requests list` shows all."
    )
    return ExitCode.OK


def run_fail(args: argparse.Namespace) -> int:
    """End a stuck request as Erred."""
    from waldur_import_agent.cli import output, session
    from waldur_import_agent.cli.confirm import confirm

    configuration, redact = session.start(args)
    settings = configuration.settings
    waldur = settings.waldur if args.token_file is None else session.with_staff_token(settings.waldur, args.token_file)
    uuid = session.uuid_argument(args.uuid)

    async def look(client: "WaldurClient", effort: "Effort") -> "BackendResourceRequest":
        return await effort.read(lambda: client.retrieve_request(uuid))

    async def end(client: "WaldurClient", effort: "Effort") -> None:
        async def tell() -> None:
            now_is = await client.retrieve_request(uuid)
            if (now_is.state, now_is.error_message) == ("Erred", args.reason):
                return  # an earlier attempt has arrived, its answer has not
            _require_processing(now_is)
            await client.set_erred(uuid, args.reason, "Ended by hand with `waldur-import-agent requests fail`.")

        await effort.finish(tell)

    request = session.ask_waldur(waldur, redact, look)
    _require_processing(request)
    with ExitStack() as stack:
        claim = _hold_lock(settings, request, stack)
        output.say(
            f"Request {request.uuid} of {request.offering_name or request.offering} is in Processing since "
            f"{output.plain(request.started)}. "
            + (
                "This host's journal has it: `waldur-import-agent run --once` would finish it instead."
                if claim
                else "This host's journal does not have it: make sure that no agent on another host works on it."
            )
        )
        if not confirm("End it as Erred?", yes=args.yes):
            output.say(
                "It was left as it is. Next: `waldur-import-agent requests list --stuck` shows all that are stuck."
            )
            return ExitCode.LEFT
        session.ask_waldur(waldur, redact, end, read_only=False)
    ended = session.ask_waldur(waldur, redact, look)
    if args.output == "json":
        output.print_json(ended.model_dump(mode="json"))
    else:
        output.print_table("Request", ("field", "value"), [("request", ended.uuid), ("state", ended.state)])
    output.say("Next: `waldur-import-agent requests create --token-file STAFF` asks again.")
    return ExitCode.OK


def _require_processing(request: "BackendResourceRequest") -> None:
    if request.state != "Processing":
        raise AgentError(
            f"the request {request.uuid} is {request.state}, not in Processing: it was left as it is",
            remedy="See `waldur-import-agent requests list --stuck`",
        )


def _hold_lock(settings: "Settings", request: "BackendResourceRequest", stack: ExitStack) -> "Claim | None":
    """The claim on the request in this host's journal, with the offering's lock held where that can be done.

    Raises LockedError where the agent that has the claim is running, and StateError where this user may not look at the
    journal or the lock: then that cannot be excluded.
    """
    from waldur_import_agent.lock import offering_lock

    claim = _claim(settings, request)
    try:
        stack.enter_context(offering_lock(settings.lock_dir, settings.waldur.url, request.offering))
    except LockedError:
        if claim is not None:
            raise
    return claim


def _claim(settings: "Settings", request: "BackendResourceRequest") -> "Claim | None":
    """What this host's journal has of the request; nothing where there is no journal. Raises StateError."""
    from waldur_import_agent.journal import Journal

    path = settings.state_dir / "journal.sqlite3"
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StateError(
            f"the journal {path} cannot be read: {error.strerror}", remedy="Run this as the agent's own user"
        ) from error
    with Journal.open_to_read(settings.state_dir) as journal:  # the running agent's: it must not wait for us
        return next((claim for claim in journal.claims(request.offering) if claim.request == request.uuid), None)


def _journal_says(settings: "Settings", request: "BackendResourceRequest") -> str:
    try:
        claim = _claim(settings, request)
    except StateError as error:
        return f"cannot be read: {error}"
    if claim is None:
        return "does not have it"
    return f"has it ({claim.phase}, attempt {claim.attempts})"
