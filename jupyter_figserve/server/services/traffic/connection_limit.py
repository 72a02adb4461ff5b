"""The number of open connections of a server that is all ours. Server process."""

from __future__ import annotations

from typing import Any

from tornado.httpserver import HTTPServer

from .fair_shares import FairShares

_SHARE = 0.75
"""Share of the files that the process may open; the rest is for the store and the sandbox."""
_WINDOWS_SOCKETS = 512
"""Number of sockets that Python's ``select`` can watch on Windows. Source: docs.python.org, asyncio on Windows."""


def default_max_connections() -> int:
    """Return the number of connections that leaves enough files for everything else."""
    try:
        import resource
    except ImportError:
        return int(_SHARE * _WINDOWS_SOCKETS)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return int(_SHARE * min(max(soft, 256), 100_000)) if soft != resource.RLIM_INFINITY else 75_000


class ConnectionLimit:
    """Closes new connections beyond a limit, or those of the client address that has the most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # An IOStream of Tornado has one callback for its end, which the HTTP connection takes.
        self._streams: FairShares[Any] = FairShares(limit, lambda stream: stream.close())

    def install(self, server: HTTPServer) -> None:
        """Apply the limit to the connections that a server accepts from now on."""
        handle = server.handle_stream

        def handle_stream(stream: Any, address: Any) -> None:
            if self.admit(stream, address):
                handle(stream, address)
            else:
                stream.close()

        server.handle_stream = handle_stream  # type: ignore[method-assign]  # Tornado calls it for each connection

    def admit(self, stream: Any, address: Any) -> bool:
        """Count a connection; False when there is no place for it."""
        if self._streams.count >= self._limit:
            self._streams.remove_where(lambda one: one.closed())
        return self._streams.add(str(address[0]) if isinstance(address, tuple) else "", stream)
