"""The command line. Each command has a file of its own; heavy modules are imported where a command needs them."""

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence

from waldur_import_agent import __version__
from waldur_import_agent.cli import (
    config,
    conformance,
    demo,
    doctor,
    explain,
    history,
    output,
    plan,
    projects,
    records,
    requests,
    run,
    sandbox,
    scan,
    scanners,
    status,
)
from waldur_import_agent.errors import AgentError, ExitCode
from waldur_import_agent.redactor import Redactor

COMMANDS = (
    *(run, doctor, status, history, scan, plan, explain, projects),
    *(requests, records, config, scanners, conformance, sandbox, demo),
)

EPILOG = """\
first steps, each after `waldur-import-agent`:
  demo                     see the main job on an embedded Waldur
  config init              write a commented configuration
  config check             find what is wrong with it
  doctor                   look at everything that the agent needs
  scan                     see what the backend has
  plan                     see what would be reported; nothing is
  explain BACKEND_ID       see why one resource is reported, or is not
  run --once               answer all requests that are Sent
  status                   see what the agent is doing
  history                  see past rounds, what was not reported and why
  records import --help    make resources of what was reported

exit codes:
   0 done or nothing to do             1 a request ended Erred
   2 wrong usage                      69 Waldur or the backend unreachable
  70 a bug                            73 another agent has the lock
  75 requests left for the next run   77 token refused
  78 configuration
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="waldur-import-agent",
        description="Answers Waldur's backend resource requests:\ntells Waldur which resources exist on a backend.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info", help="default: info"
    )
    parser.add_argument(
        "--log-format",
        choices=("auto", "console", "logfmt", "json"),
        default="auto",
        help="default: console on a terminal, logfmt in systemd's journal, else json",
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. What failed is told on stderr, with what to do next."""
    parsed = make_parser().parse_args(arguments)
    parsed.redact = Redactor()
    output.asked.remember(sys.argv[1:] if arguments is None else arguments, parsed)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter is no reason to fail
    try:
        code = int(parsed.run(parsed))
        sys.stdout.flush()
    except AgentError as error:
        return _failed(parsed.redact(str(error)), error.exit_code)
    except KeyboardInterrupt:
        return _failed("interrupted", ExitCode.LEFT)
    except BrokenPipeError:
        # the reader of our output has gone; a second failure at exit is of no use to anybody
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _failed(parsed.redact(str(error)), ExitCode.FAILED)
    except Exception:  # noqa: BLE001 - the one place where a bug is told to a person
        text = parsed.redact(traceback.format_exc())
        return _failed(f"this is a bug; please report it with the following text\n{text}", ExitCode.BUG)
    return code


def _failed(text: str, code: ExitCode) -> ExitCode:
    output.say(f"waldur-import-agent: {text}")
    return code
