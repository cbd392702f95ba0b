"""The network connections of one scan, so that they can be cut.

A thread that waits for an answer cannot be cancelled; where its connection ends, it ends.
"""

import contextlib
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keystoneauth1.session import Session


class Wires:
    """Knows the sockets of the sessions that it watches.

    Connections through a proxy, and one whose TLS handshake hangs, are not known: they end with their timeout.
    """

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._sessions: list[Any] = []
        self._lock = threading.Lock()
        self._is_cut = False

    def watch(self, session: "Session") -> None:
        """Know each connection that `session` opens from now on."""
        pools = {"http": self._watched("HTTP"), "https": self._watched("HTTPS")}
        requests: Any = session.session
        for adapter in requests.adapters.values():
            adapter.poolmanager.pool_classes_by_scheme = pools
        self._sessions.append(requests)

    def cut(self) -> None:
        """End all connections, whatever is waited for, and let no new one be opened."""
        with self._lock:
            self._is_cut = True
            sockets = list(self._sockets)
        for wire in sockets:
            with contextlib.suppress(OSError):  # it has ended by itself
                # of the plain socket: an SSLSocket's own method pulls the rug from under the thread that reads
                socket.socket.shutdown(wire, socket.SHUT_RDWR)
        for session in self._sessions:
            session.close()  # the SDK's own caches would keep it, and its idle connections, for a while

    def _add(self, wire: socket.socket) -> None:
        with self._lock:
            if not self._is_cut:
                self._sockets.add(wire)
                return
        wire.close()
        raise ConnectionAbortedError("the scan has ended")

    def _watched(self, scheme: str) -> type[Any]:
        """A pool of urllib3 whose connections tell their sockets."""
        import urllib3.connectionpool  # noqa: PLC0415 - comes with the SDK, an extra

        pool: type[Any] = getattr(urllib3.connectionpool, f"{scheme}ConnectionPool")
        connection: type[Any] = pool.ConnectionCls
        add = self._add

        def connect(self: Any) -> None:
            connection.connect(self)
            add(self.sock)

        return type("WatchedPool", (pool,), {"ConnectionCls": type("Watched", (connection,), {"connect": connect})})
