"""The subscription to a kernel's messages; what it does with them is tested with capture."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import zmq
from jupyter_client.session import Session

from jupyter_figserve.model.quotas import Quota
from jupyter_figserve.server.services.capture.captured_display import Limits
from jupyter_figserve.server.services.capture.iopub_subscription import IopubSubscription
from jupyter_figserve.server.services.capture.ring_buffer import CaptureBuffer

from ....ports import free_port
from ....waiting import PATIENCE


async def test_the_first_cell_may_run_as_soon_as_the_kernel_listens(tmp_path):
    """The socket does not wait for ZeroMQ's usual next try; it subscribes to all messages, as before."""
    address, context = f"tcp://127.0.0.1:{free_port()}", zmq.Context()
    socket, kernel = context.socket(zmq.SUB), context.socket(zmq.XPUB)
    stream = SimpleNamespace(
        socket=socket, on_recv=lambda _: None, closed=lambda: socket.closed, close=lambda: socket.close(0)
    )
    subscription = make_subscription(tmp_path)
    try:
        socket.subscribe(b"")
        socket.connect(address)
        subscription.open(SimpleNamespace(session=Session(key=b"key"), connect_iopub=lambda: stream))
        assert socket.reconnect_ivl < 100
        kernel.bind(address)
        assert kernel.poll(int(1_000 * PATIENCE))
        assert kernel.recv() == b"\x01", "it subscribes to all messages"
        for message in (b"first", b"second"):
            kernel.send(message)
            assert socket.poll(int(1_000 * PATIENCE))
            assert socket.recv() == message
    finally:
        subscription.close()
        kernel.close(0)
        context.term()


def make_subscription(directory: Any) -> IopubSubscription:
    buffer = CaptureBuffer(directory, Quota())
    limits = Limits(1_000_000, 1_000_000)
    return IopubSubscription("k", buffer, limits=limits, clock=lambda: 1.0, on_captured=lambda kernel, images: None)
