"""`explain`: one backend id on both sides, live: where it is, which rule spoke, and what the next round would do."""

import argparse
from glob import escape
from shlex import quote
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from waldur_import_agent.cli.explanation import Explanation
    from waldur_import_agent.fulfilment.survey import Progress
    from waldur_import_agent.records import FoundResource
    from waldur_import_agent.redactor import Redactor
    from waldur_import_agent.settings.load import Configuration

ASK_AND_RUN = "`waldur-import-agent requests create --token-file STAFF` asks, `waldur-import-agent run --once`"
NEXT = {
    "report": f"{ASK_AND_RUN} reports it",
    "refresh": f"{ASK_AND_RUN} refreshes it",
    "remove": f"{ASK_AND_RUN} removes it",
    "withdraw": f"{ASK_AND_RUN} withdraws it",
    "hold back": "`waldur-import-agent run --once --allow-withdrawals` lets it go, once a request is there",
    "unplaced": "`waldur-import-agent plan --output csv` writes the worksheet in which a person names its project",
    "skip": "`waldur-import-agent plan` shows all that is skipped, each with its reason",
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "explain",
        help="one backend id: where it is, which rule spoke, what the next round would do",
        description="Reads the backend and Waldur now and tells all about one id. Nothing is written. Exit code 1: it "
        "is nowhere.",
    )
    parser.add_argument("backend_id", metavar="BACKEND_ID")
    arguments.add_offering(parser)
    arguments.add_config(parser)
    arguments.add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import asyncio

    from waldur_import_agent.cli import output, session

    configuration, redact = session.start(args)
    index = configuration.settings.offerings.index(session.choose_offering(configuration, args.offering))
    with output.progress() as progress:
        offering, explanation = asyncio.run(_explain(configuration, redact, progress, index, args.backend_id))
    if args.output == "json":
        output.print_json({"offering": configuration.settings.offerings[index].uuid, **_as_json(explanation)})
    else:
        output.print_table(f"{args.backend_id} in {offering}", ("what", "says"), list(_rows(explanation)))
        for warning in explanation.warnings:
            output.say(f"warning: {warning}")
    output.say(f"Next: {_next(explanation)}.")
    return ExitCode.OK if explanation.known else ExitCode.FAILED


async def _explain(
    configuration: "Configuration", redact: "Redactor", progress: "Progress", index: int, backend_id: str
) -> "tuple[str, Explanation]":
    import asyncio

    from waldur_import_agent import app
    from waldur_import_agent.cli.explanation import explain

    around = app.Surroundings(stop=asyncio.Event(), redact=redact, progress=progress, scan_waits=())
    async with (
        app.make_client(configuration.settings.waldur, redact, read_only=True) as client,
        app.open_surveyors(configuration, client, around) as surveyors,
    ):
        surveyor = surveyors[index]
        survey = await surveyor.look()
        return survey.offering.name, explain(
            survey,
            surveyor.plan(survey),
            backend_id,
            instance=surveyor.instance,
            ignore_case=surveyor.scanner.ids_ignore_case,
        )


def _rows(explanation: "Explanation") -> "Iterator[tuple[str, str]]":
    yield from _backend_rows(explanation)
    if explanation.placement is not None:
        project = explanation.placement.project
        where = f"{project.name} ({project.uuid})" if project else "none"
        yield "project", f"{where}: {explanation.placement.why}"
    for said in explanation.in_waldur:
        yield (
            f"Waldur: {said.what}",
            f"{said.uuid} {said.name!r} in {said.project or 'no known project'}: {said.detail}",
        )
    if not explanation.in_waldur:
        yield "Waldur", "no record and no live resource"
    for action in explanation.actions:
        yield f"next round: {action.action}", action.why
        if action.wanted is not None:
            limits = ", ".join(f"{name}={value}" for name, value in action.wanted.metadata["limits"].items())
            yield "record", f"{action.wanted.name!r}, limits {limits or 'none'}"
    if not explanation.actions:
        yield "next round", "nothing"


def _backend_rows(explanation: "Explanation") -> "Iterator[tuple[str, str]]":
    for resource in explanation.found:
        yield "backend", f"found: {_describe(resource)}"
        if resource.limits:
            limits = (f"{key}={'unlimited' if value is None else value}" for key, value in resource.limits.items())
            yield "limits", ", ".join(limits)
        for problem in resource.problems:
            yield "problem", problem
    if explanation.excluded:
        yield "backend", f"there, but not offered: {explanation.excluded}"
    elif not explanation.found:
        like = f"; like it are {', '.join(explanation.similar)}" if explanation.similar else ""
        yield "backend", f"not found{like}"
    if not explanation.scan_complete:
        yield "scan", "not complete: nothing can be concluded from what is missing"


def _describe(resource: "FoundResource") -> str:
    parts = [resource.kind, repr(resource.name)]
    if resource.parents:
        parts.append("below " + " below ".join(parent.name for parent in resource.parents))
    if resource.user_count is not None:
        parts.append(f"{resource.user_count} users")
    return ", ".join(parts)


def _next(explanation: "Explanation") -> str:
    for action in explanation.actions:
        if action.action in NEXT:
            return NEXT[action.action]
    kinds = {said.what for said in explanation.in_waldur}
    if "resource" in kinds:
        return "it is imported, nothing is left to do; `waldur-import-agent records list` shows what is not"
    if "record" in kinds:
        return (
            "`waldur-import-agent records import --plan PLAN --select "
            f"{quote(escape(explanation.backend_id))} --token-file STAFF --dry-run` shows what it would become"
        )
    if explanation.excluded:
        return (
            "change the scanner's filters in the configuration; `waldur-import-agent scan` shows what they let through"
        )
    return "`waldur-import-agent scan` shows all that is found"


def _as_json(explanation: "Explanation") -> dict[str, object]:
    import dataclasses

    return {field.name: getattr(explanation, field.name) for field in dataclasses.fields(explanation)}
