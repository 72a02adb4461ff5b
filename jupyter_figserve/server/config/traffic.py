"""Traits of the time and the memory that slow and many clients get. Server process."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

from tornado.ioloop import IOLoop
from traitlets import Float as FloatTrait
from traitlets import Integer, default
from traitlets.config import Configurable

from ..services.traffic.connection_limit import ConnectionLimit, default_max_connections
from ..services.traffic.limits import TrafficLimits
from ..services.traffic.memory import return_large_blocks
from ..services.traffic.public_streams import PublicStreams
from ..services.traffic.send_budget import SendBudget
from ..services.traffic.visitor_turns import VisitorTurns
from ..web.http.templates import compile_templates

_COMPILE_AFTER_SECONDS = 1.0


class TrafficConfig(Configurable):
    """Settings that keep clients from using up connections, memory and time."""

    header_timeout = FloatTrait(
        120.0,
        min=0,
        help="Seconds within which the head of a request must have arrived, and for which an idle connection is kept,"
        " on the whole Jupyter server. 0 keeps tornado's default of an hour.",
    ).tag(config=True)
    body_timeout = FloatTrait(60.0, min=0.1, help="Seconds within which the body of a request must have arrived.").tag(
        config=True
    )
    send_timeout = FloatTrait(
        30.0,
        min=0.1,
        help="Seconds within which a client must read the next 256 KB of a response; then its connection is closed.",
    ).tag(config=True)
    link_streams = Integer(
        1_000,
        min=0,
        help="Maximum number of event streams that pages opened by links hold at a time, in total. Beyond it, the"
        " client address with the most of them gives way to others; further pages do not update themselves (status"
        " 503).",
    ).tag(config=True)
    send_bytes = Integer(
        256 * 2**20,
        min=1,
        help="Maximum size of all responses in memory that clients have not read yet, in bytes. Beyond it, the client"
        " with the most of them loses one, or a further response gets the status 503. Stored images above an eighth of"
        " cache_bytes are read from disk piece by piece and hardly count.",
    ).tag(config=True)

    visitor_slice = FloatTrait(
        0.002,
        min=0,
        help="Seconds of each round of the event loop that the requests of visitors may fill; further ones begin in the"
        " next rounds, between which the requests of owners are read.",
    ).tag(config=True)
    max_connections = Integer(
        min=0,
        help="Maximum number of open connections of a standalone server or of a JupyterHub's service. Beyond it, the"
        " client address with the most of them loses one for each client with fewer, and further ones are closed at"
        " once. Default: three quarters of the files that the process may open. 0 for no limit. A Jupyter server"
        " with notebooks is not limited; put a web server in front (limit_conn of nginx).",
    ).tag(config=True)

    serverapp: Any
    settings: Any
    host_kind: Any
    on_stop: Any

    @default("max_connections")
    def _default_max_connections(self) -> int:
        return default_max_connections()

    def make_traffic_limits(self) -> TrafficLimits:
        return TrafficLimits(
            SendBudget(self.send_bytes, time.monotonic),
            PublicStreams(self.link_streams),
            VisitorTurns(self.visitor_slice, time.perf_counter),
        )

    def start_traffic_limits(self) -> None:
        """Apply the limits that concern the whole process; Jupyter makes its HTTP server after its extensions."""
        return_large_blocks()
        loop = IOLoop.current()
        loop.add_callback(self.limit_idle_connections)
        loop.add_callback(self.limit_connections)
        loop.add_callback(self._start_monitor)
        loop.call_later(_COMPILE_AFTER_SECONDS, self._compile_templates)

    def _start_monitor(self) -> None:
        context = self.settings.get("figserve")
        if context is not None:  # The start may have failed meanwhile.
            context.traffic.loop.start()
            self.on_stop(context.traffic.loop.close)

    async def _compile_templates(self) -> None:
        context = self.settings.get("figserve")
        if context is None:
            return
        await asyncio.to_thread(compile_templates, context.templates)
        if getattr(self.serverapp, "http_server", None) is not None:
            # What exists now stays: without it, a full collection takes 5 ms instead of 70, on the event loop.
            gc.freeze()

    def limit_idle_connections(self) -> None:
        """Limit the time of heads that trickle in, which hold a connection and its buffer."""
        server = getattr(self.serverapp, "http_server", None)
        if self.header_timeout and server is not None:
            server.conn_params.header_timeout = self.header_timeout

    def limit_connections(self) -> None:
        """Limit the connections of a server that is all ours; those of a notebook server are Jupyter's."""
        server = getattr(self.serverapp, "http_server", None)
        if self.max_connections and server is not None and self.host_kind != "extension":
            ConnectionLimit(self.max_connections).install(server)
