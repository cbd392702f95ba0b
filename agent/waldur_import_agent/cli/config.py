"""`config check`, `config show` and `config init`."""

import argparse
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waldur_import_agent.cli import arguments, output
from waldur_import_agent.errors import AgentError, ConfigurationError, ExitCode, UsageError

if TYPE_CHECKING:
    from waldur_import_agent.settings.load import Configuration

EXAMPLE = "config.example.yaml"
MODE = 0o640
"""Readable for the agent's group, since the file may hold the token."""
TOKEN_MODE = 0o600
URL_USER = re.compile(r"(?<=://)\S*@")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `config` and what stands beneath it."""
    parser = subparsers.add_parser("config", help="write, check and show the configuration")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    check = commands.add_parser("check", help="find everything that is wrong with the configuration")
    check.add_argument("file", metavar="FILE", nargs="?", type=Path, help="the configuration, in place of --config")
    check.add_argument("--online", action="store_true", help="ask Waldur and the backends too")
    arguments.add_config(check)
    check.set_defaults(run=run_check)

    show = commands.add_parser("show", help="print the settings as they are in effect, secrets masked")
    arguments.add_config(show)
    show.add_argument("-o", "--output", choices=("yaml", "json"), default="yaml", help="default: yaml")
    show.set_defaults(run=run_show)

    init = commands.add_parser("init", help="write a commented configuration to start with")
    init.add_argument(
        "path", metavar="PATH", nargs="?", type=Path, default=arguments.DEFAULT_CONFIG, help="default: %(default)s"
    )
    init.add_argument(
        "--scanner",
        metavar="NAME",
        help="with the settings of this scanner, one of a plug-in too (default: slurm, ...)",
    )
    init.add_argument(
        "--from-site-agent",
        metavar="FILE",
        type=Path,
        help="make it of this configuration of waldur-site-agent; the token goes into a file `token` beside PATH",
    )
    init.set_defaults(run=run_init)


def run_check(args: argparse.Namespace) -> ExitCode:
    """Report every problem on stderr, one a line, or what was found and the next command."""
    from waldur_import_agent.scanners.registry import settings_model
    from waldur_import_agent.settings.load import load_configuration

    path: Path = args.file or args.config
    try:
        configuration = load_configuration(path, settings_model)
    except ConfigurationError as error:
        print(output.plain(error), file=sys.stderr)
        return error.exit_code
    for warning in configuration.warnings:
        print(output.plain(f"{warning} (warning)"), file=sys.stderr)
    settings = configuration.settings
    print(f"{path}: the configuration is good")
    print(f"  Waldur     {settings.waldur.url}")
    for offering in settings.offerings:
        print(f"  offering   {offering.uuid}, scanner {offering.scanner['type']}")
    code = _check_online(args, configuration) if args.online else ExitCode.OK
    option = "" if path == arguments.DEFAULT_CONFIG else f" --config {shlex.quote(str(path))}"
    print(f"next: waldur-import-agent scan{option}")
    return code


def _check_online(args: argparse.Namespace, configuration: "Configuration") -> ExitCode:
    """Ask Waldur and each backend, show what was found, and give the exit code of the worst."""
    import asyncio

    from waldur_import_agent.cli.checks.examine import examine_waldur_and_backends
    from waldur_import_agent.cli.checks.finding import exit_code
    from waldur_import_agent.cli.doctor import show
    from waldur_import_agent.log import configure_logging

    configure_logging(args.redact, level="error", form=args.log_format)
    findings = asyncio.run(examine_waldur_and_backends(configuration, args.redact))
    show(findings, args)
    return exit_code(findings)


def run_show(args: argparse.Namespace) -> ExitCode:
    """Print the settings in effect, defaults and environment included. Secrets are masked by their models."""
    import yaml

    from waldur_import_agent.scanners.registry import settings_model
    from waldur_import_agent.settings.load import load_configuration

    configuration = load_configuration(args.config, settings_model)
    shown = configuration.settings.model_dump(mode="json", by_alias=True)
    for offering, scanner in zip(shown["offerings"], configuration.scanners, strict=True):
        block = {"type": offering["scanner"]["type"], **scanner.model_dump(mode="json", by_alias=True)}
        offering["scanner"] = block
    shown = _masked(shown)
    if args.output == "json":
        output.print_json(shown)
    else:
        print(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True), end="")
    return ExitCode.OK


def run_init(args: argparse.Namespace) -> ExitCode:
    """Write the example. Raises AgentError if there is a file already, or none can be written."""
    path: Path = args.path
    if args.from_site_agent is not None:
        if args.scanner is not None:
            raise UsageError("--scanner and --from-site-agent exclude each other")
        return _move_in(args.from_site_agent, path)
    _write_new(path, _example(args.scanner), MODE)
    print(f"wrote {path}: put the address of Waldur, the token's file and the offerings into it")
    _tell_root(path)
    print(f"next: waldur-import-agent config check {shlex.quote(str(path))}")
    return ExitCode.OK


def _move_in(source: Path, path: Path) -> ExitCode:
    """Write what another agent's configuration comes to, and name what is left behind."""
    import yaml

    from waldur_import_agent.cli.site_agent import TOKEN_FILE, move_in
    from waldur_import_agent.settings.document import read_document

    try:
        document = read_document(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise AgentError(f"{source} cannot be read: {reason}") from error
    if document.faults:
        first = document.faults[0]
        raise ConfigurationError(f"{source}:{first.line}:{first.column}: {first.text}")
    moved = move_in(document.data)
    text = f"# made of {source.name}, a configuration of waldur-site-agent\n" + yaml.safe_dump(
        moved.settings, sort_keys=False, allow_unicode=True
    )
    token = path.with_name(TOKEN_FILE)
    files = {path: (text, MODE)} | ({token: (f"{moved.token}\n", TOKEN_MODE)} if moved.token is not None else {})
    for file in files:
        _refuse_existing(file)  # before the first is written: else a second try would find that one
    for file, (content, mode) in files.items():
        _write_new(file, content, mode)
    for note in moved.notes:
        output.say(f"note: {note}")
    where = f"and {token} with the token" if moved.token is not None else f"; put a token into {token}"
    print(output.plain(f"wrote {path} {where}"))
    _tell_root(*files)
    print(output.plain(f"next: waldur-import-agent config check {shlex.quote(str(path))}"))
    return ExitCode.OK


def _tell_root(*files: Path) -> None:
    """Say how root makes the files readable for the agent's user: what root wrote, that user cannot read."""
    if os.geteuid() == 0:
        names = " ".join(shlex.quote(str(file)) for file in files)
        print(output.plain(f"for the agent's user: chgrp waldur-import-agent {names} && chmod 640 {names}"))


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise AgentError(f"{path} is there already and was left as it is", remedy="Move it away, or name another file")


def _write_new(path: Path, text: str, mode: int) -> None:
    """Write a file that was not there. Raises AgentError."""
    _refuse_existing(path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise AgentError(
            f"{path} cannot be written: {error.strerror}", remedy="Make its directory, or name another file"
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(text.encode())


def _example(scanner: str | None) -> str:
    """The example configuration; with a scanner's name, one offering with that scanner. Raises ConfigurationError."""
    from importlib.resources import files

    from waldur_import_agent.scanners.registry import settings_model
    from waldur_import_agent.settings.describe import describe

    text = files("waldur_import_agent.settings").joinpath(EXAMPLE).read_text(encoding="utf-8")
    if scanner is None:
        return text
    before, _, after = text.partition("    scanner:\n")
    after = after[after.index("    # how long a scan may take") :].partition("\n  # another offering")[0]
    return f"{before}    scanner:\n      type: {scanner}\n{describe(settings_model(scanner), indent=6)}{after}"


def _masked(value: Any) -> Any:
    """The value without user names and passwords in URLs (a proxy may have one)."""
    if isinstance(value, dict):
        return {key: _masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    return URL_USER.sub("***@", value) if isinstance(value, str) else value
