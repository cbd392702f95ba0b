"""`sandbox`: a Waldur in memory behind a real address, to try the other commands on."""

import argparse
import importlib.util

from waldur_import_agent.errors import ConfigurationError, ExitCode
from waldur_import_agent.system import how_to_install

MAX_PORT = 65535
HELP = """\
Waldur sandbox at {url} (offering {offering.name}, {offering.uuid})

In another terminal:
  export WALDUR_IMPORT_AGENT_CONFIG={directory}/config.yaml
  {command} plan
  {command} requests create --token-file {directory}/staff-token
  {command} run --once
  {command} records list

Ctrl-C ends it; nothing is kept.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "sandbox",
        help="serve a Waldur stand-in to try the other commands on",
        description="Serves a Waldur in memory with an offering, projects and a sample inventory, and writes a "
        "configuration for it. For trying things out; it has no security and forgets everything.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on, 0 for any (default: 8000)")
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {MAX_PORT}")
    return port


def require_extra() -> None:
    """Raise ConfigurationError, with the command that installs it, where the extra is missing."""
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"the sandbox needs {' and '.join(missing)}",
            remedy=how_to_install("sandbox"),
        )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import asyncio

    require_extra()
    asyncio.run(_serve(args.host, args.port))
    return ExitCode.OK


async def _serve(host: str, port: int) -> None:
    import asyncio
    import signal
    import tempfile
    from pathlib import Path

    from waldur_import_agent.cli.example import write_example
    from waldur_import_agent.cli.output import command
    from waldur_import_agent.sandbox import serving
    from waldur_import_agent.sandbox.example import example_sandbox

    sandbox, offering = example_sandbox()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="waldur-sandbox-") as directory:
        async with serving(sandbox, host, port) as url:
            write_example(Path(directory), sandbox, offering, url)
            print(HELP.format(url=url, directory=directory, offering=offering, command=command()), flush=True)
            await stop.wait()
