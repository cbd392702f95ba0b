"""What systemd is told of the service: sd_notify(3), which is a datagram to a socket."""

import os
import socket
from collections.abc import MutableMapping

from waldur_import_agent.log import get_logger

PATIENCE = 2.0
"""Seconds to wait where the service manager's queue is full: a READY that is lost would never be sent again."""

STATUS_MAX = 1000
"""Bytes of a STATUS: systemd ignores a message of more than 4096 as a whole, and the one before it would stand on."""


class Notifier:
    """Tells the service manager, where there is one.

    `watchdog` is within how many seconds it wants to hear WATCHDOG=1, or None. The variables of systemd are taken out
    of `environment`, so that no child process speaks in the agent's name.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        for_whom = environment.pop("WATCHDOG_PID", "") or str(os.getpid())
        wanted = microseconds.isdigit() and for_whom == str(os.getpid())
        self.watchdog = (int(microseconds) / 1_000_000 if wanted else 0.0) or None
        self._status = ""

    def tell(self, *assignments: str) -> None:
        """Send assignments like READY=1. A service manager that does not listen is no reason to fail."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(address)
                # what is no text, of an answer of Waldur for example, must not end the beats
                connection.send("\n".join(assignments).encode(errors="replace"))
        except OSError as error:
            get_logger().debug("systemd was not told", reason=str(error), what=assignments)

    def status(self, text: str) -> None:
        """Say what the service is doing, where that has changed."""
        if text != self._status:
            self._status = text
            shown = text.encode(errors="replace")
            cut = f"{shown[:STATUS_MAX].decode(errors='ignore')}…" if len(shown) > STATUS_MAX else text
            self.tell(f"STATUS={cut}")
