"""`requests`: what staff ask, and how it was answered."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments, requests_stuck
from waldur_import_agent.errors import ExitCode

if TYPE_CHECKING:
    from waldur_import_agent.waldur.client import Page, WaldurClient
    from waldur_import_agent.waldur.effort import Effort
    from waldur_import_agent.waldur.models import BackendResourceRequest

STATES = ("Sent", "Processing", "Done", "Erred")
ENDED = ("Done", "Erred")
COLUMNS = ("request", "state", "offering", "created", "started", "finished", "message")
LOOK_INTERVAL = 2.0
"""Seconds between two looks at a request that is waited for."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    parser = subparsers.add_parser("requests", help="list, show, create or end backend resource requests")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="the requests of the configured offerings, the newest first")
    listing.add_argument("--state", action="append", choices=STATES, default=[], help="only these (may be repeated)")
    requests_stuck.add_list_arguments(listing)
    arguments.add_offering(listing)
    listing.set_defaults(run=run_list)

    show = actions.add_parser("show", help="one request, with its message and traceback")
    show.add_argument("uuid", metavar="UUID")
    show.set_defaults(run=run_show)

    create = actions.add_parser("create", help="ask what is on the backend; needs a staff token")
    create.add_argument(
        "--token-file", type=Path, required=True, metavar="FILE", help="a staff user's token: only staff may ask"
    )
    create.add_argument("--wait", action="store_true", help="wait until it is answered; exit code 1 if it ended Erred")
    create.add_argument("--timeout", type=_seconds, default=900.0, metavar="SECONDS", help="for --wait (default: 900)")
    arguments.add_offering(create)
    create.set_defaults(run=run_create)

    fail = requests_stuck.add_fail_parser(actions)

    for action in (listing, show, create, fail):
        arguments.add_config(action)
        arguments.add_output(action)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds >= 0:
        raise argparse.ArgumentTypeError("this must be a number of seconds, 0 or more")
    return seconds


def run_list(args: argparse.Namespace) -> int:
    """List requests."""
    from functools import partial

    from waldur_import_agent.cli import output, session
    from waldur_import_agent.waldur.listing import read_whole

    requests_stuck.require_sense(args)
    configuration, redact = session.start(args)
    offerings = configuration.settings.offerings
    if args.offering:
        offerings = (session.choose_offering(configuration, args.offering),)
    states = ["Processing"] if args.stuck else args.state

    async def work(client: "WaldurClient", effort: "Effort") -> "list[BackendResourceRequest]":
        found: list[BackendResourceRequest] = []
        for offering in offerings:
            fetch = partial(_page, client, offering.uuid, states)
            found += await read_whole(fetch, effort, uuid_of=lambda request: request.uuid)
        return sorted(found, key=lambda request: request.created, reverse=True)

    requests = session.ask_waldur(configuration.settings.waldur, redact, work)
    if args.stuck:
        return requests_stuck.show_stuck(configuration.settings, requests, args)
    if args.output == "json":
        output.print_json([request.model_dump(mode="json") for request in requests])
        return ExitCode.OK
    output.print_table("Requests", COLUMNS, [_row(request) for request in requests])
    output.say(
        f"Next: `waldur-import-agent requests show {requests[0].uuid}` shows one with its whole message."
        if requests
        else "Next: `waldur-import-agent requests create --token-file STAFF` asks."
    )
    return ExitCode.OK


def run_show(args: argparse.Namespace) -> int:
    """Show one request."""
    from waldur_import_agent.cli import output, session

    configuration, redact = session.start(args)
    uuid = session.uuid_argument(args.uuid)

    async def work(client: "WaldurClient", effort: "Effort") -> "BackendResourceRequest":
        return await effort.read(lambda: client.retrieve_request(uuid))

    _show(session.ask_waldur(configuration.settings.waldur, redact, work), args.output)
    output.say("Next: `waldur-import-agent records list` shows what Waldur offers for import.")
    return ExitCode.OK


def run_create(args: argparse.Namespace) -> int:
    """Create a request, and wait for its end where asked to."""
    from waldur_import_agent.cli import output, session

    configuration, redact = session.start(args)
    offering = session.choose_offering(configuration, args.offering)
    settings = session.with_staff_token(configuration.settings.waldur, args.token_file)

    async def work(client: "WaldurClient", effort: "Effort") -> "BackendResourceRequest":
        request = await effort.once(lambda: client.create_request(offering.uuid))
        if args.wait:
            output.say(f"Request {request.uuid} is {request.state}; waiting for its end")
            request = await wait_for_end(client, effort, request.uuid, args.timeout)
        return request

    request = session.ask_waldur(settings, redact, work, read_only=False)
    _show(request, args.output)
    if request.state == "Erred":
        return ExitCode.FAILED
    if args.wait and request.state not in ENDED:
        output.say(f"Still {request.state} after {args.timeout:g} seconds: does an agent run for this offering?")
        return ExitCode.LEFT
    output.say(
        "Next: `waldur-import-agent records list` shows what Waldur now offers for import."
        if request.state == "Done"
        else f"Next: `waldur-import-agent run --once` answers it here, or "
        f"`waldur-import-agent requests show {request.uuid}` looks at it."
    )
    return ExitCode.OK


async def wait_for_end(
    client: "WaldurClient", effort: "Effort", request: str, seconds: float
) -> "BackendResourceRequest":
    """The request when it is Done or Erred, or as it is after `seconds`."""
    import asyncio
    import time

    deadline = time.monotonic() + seconds
    while True:
        found = await effort.read(lambda: client.retrieve_request(request))
        if found.state in ENDED or time.monotonic() >= deadline:
            return found
        await asyncio.sleep(LOOK_INTERVAL)


async def _page(client: "WaldurClient", offering: str, states: list[str], page: int) -> "Page[BackendResourceRequest]":
    return await client.list_requests(offering_uuid=offering, state=states, page=page)


def _row(request: "BackendResourceRequest") -> tuple[object, ...]:
    message = request.error_message.splitlines()[0] if request.error_message else ""
    return (
        request.uuid,
        request.state,
        request.offering_name or request.offering,
        request.created,
        request.started,
        request.finished,
        message,
    )


def _show(request: "BackendResourceRequest", form: str) -> None:
    from waldur_import_agent.cli import output

    if form == "json":
        output.print_json(request.model_dump(mode="json"))
        return
    rows = [(name, value) for name, value in request if name != "error_traceback"]
    output.print_table("Request", ("field", "value"), rows)
    if request.error_traceback:
        print(output.plain(request.error_traceback))
