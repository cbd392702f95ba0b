"""`waldur-import-agent` and `python -m waldur_import_agent`."""

import signal
import sys
from types import FrameType


def main() -> int:
    """Run a command; the exit code. A probe runs every few seconds: it is spared the parser of all commands."""
    match sys.argv[1:]:
        case ["status", "--healthy"]:
            from waldur_import_agent.health import probe  # noqa: PLC0415 - only where it is used

            return probe.check(probe.directory_by_default())
        case ["status", "--healthy", "--runtime-dir", directory]:
            from waldur_import_agent.health import probe  # noqa: PLC0415

            return probe.check(directory)
    from waldur_import_agent import cli  # noqa: PLC0415

    signal.signal(signal.SIGTERM, _interrupt)
    return cli.main()


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what signal.signal calls
    """SIGTERM ends a command as Ctrl-C does: what its scanner started ends with it. `run` has handlers of its own."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as nohup and a shell's `&` leave it
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
