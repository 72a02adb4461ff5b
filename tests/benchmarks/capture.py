"""Cost of capture on the server: per message, per image, and for an animation of 30 frames a second."""

from __future__ import annotations

import asyncio
import base64
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
from jupyter_client.session import Session

from jupyter_figserve.demo.server_process import ServerProcess
from jupyter_figserve.model.quotas import Quota
from jupyter_figserve.server.services.capture.capture import Capture, CaptureLimits
from jupyter_figserve.server.services.capture.ring_buffer import CaptureBuffer

from . import servers
from .report import Row
from .scale import Scale

_RUNS = 5
_KEY = b"a key"
_FRAMES_A_SECOND = 30
_ANIMATION = """
import base64, time
from IPython.display import display
shown = display({{"image/png": {first!r}}}, raw=True, display_id="animation")
start = time.perf_counter()
for frame in range({frames}):
    display({{"image/png": {image!r}, "text/plain": str(frame)}}, raw=True, display_id="animation", update=True)
    time.sleep(max(0, start + (frame + 1) / {rate} - time.perf_counter()))
print(time.perf_counter() - start)
"""


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    image = servers.make_png(0)
    size = f"{len(image) / 1000:.0f} KB PNG"
    message, shown = asyncio.run(_measure_subscription(home, image, scale.messages))
    note = "only the header of most messages is parsed"
    yield Row("capture of a message without a display / Jupyter's own parsing", *message, "µs", 0.5, note=note)
    note = "verified, decoded, checked, named; the file is written at most once a second"
    yield Row(f"capture of an image / verifying and decoding it only, {size}", *shown, "µs", 1.5, note=note)
    used = {}
    for is_on in (True, False):
        (home / str(is_on)).mkdir()
        server = ServerProcess(home / str(is_on), [f"--FigServe.capture={is_on}"])
        server.start()
        try:
            used[is_on] = _animate(server, image, scale.frames)
        finally:
            server.stop()
    extra = 100 * (used[True] - used[False])
    note = f"{100 * used[True]:.1f} % of a core with capture, {100 * used[False]:.1f} % without"
    name = f"capture: an animation of {_FRAMES_A_SECOND} frames a second, {size}"
    yield Row(name, extra, None, "% of a core", 5, against="nothing", note=note)


async def _measure_subscription(
    home: Path, image: bytes, count: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return median microseconds for a text message, ours and Jupyter's, and for an image, ours and the minimum."""
    limits = CaptureLimits(Quota(200, 64 * 2**20), 32 * 2**20, 10**8)
    unused: Any = SimpleNamespace()
    capture = Capture(unused, unused, limits, time.time, lambda kernel, news: None, off_reason=None)
    subscription = capture.make_subscription("kernel", CaptureBuffer(home, limits.session))
    streams: list[Any] = []

    def connect() -> Any:
        streams.append(
            SimpleNamespace(on_recv=lambda receive: setattr(streams[-1], "receive", receive), closed=lambda: True)
        )
        return streams[-1]

    sender = Session(key=_KEY)
    subscription.open(SimpleNamespace(session=sender, connect_iopub=connect))
    bundle = {"image/png": base64.b64encode(image).decode()}
    shown = {"data": bundle, "metadata": {}, "transient": {"display_id": "a"}}
    text = _frames(sender, "stream", {"name": "stdout", "text": "a line\n"}, count)
    displays = _frames(sender, "update_display_data", shown, max(1, count // 100))
    reader = Session(key=_KEY, digest_history_size=16)

    def parse_header(parts: list[bytes]) -> None:
        """Parse a message as Jupyter does to know whether the kernel is busy."""
        reader.deserialize(reader.feed_identities(parts)[1], content=False)

    def decode_image(parts: list[bytes]) -> None:
        message = reader.deserialize(reader.feed_identities(parts)[1])
        base64.b64decode(message["content"]["data"]["image/png"])

    receive = streams[-1].receive
    measured = (
        (_timed(receive, text), _timed(parse_header, text)),
        (_timed(receive, displays), _timed(decode_image, displays)),
    )
    assert next(iter(subscription.buffer), None) is not None
    assert subscription.dropped == 0
    subscription.close()
    return measured


def _frames(sender: Session, kind: str, content: dict[str, Any], count: int) -> list[list[bytes]]:
    """Return messages as received from the socket, each with its own signature."""
    parent = sender.msg("execute_request")["header"]
    return [[b"topic", *sender.serialize(sender.msg(kind, content, parent))] for _ in range(count * _RUNS)]


def _timed(receive: Callable[[list[bytes]], None], messages: list[list[bytes]]) -> float:
    times, count = [], len(messages) // _RUNS
    for run in range(_RUNS):
        start = time.perf_counter()
        for parts in messages[run * count : (run + 1) * count]:
            receive(parts)
        times.append(1e6 * (time.perf_counter() - start) / count)
    return statistics.median(times)


def _animate(server: ServerProcess, image: bytes, frames: int) -> float:
    """Return the share of a core that the server uses while a cell updates a display."""
    encoded = base64.b64encode(image).decode()
    with server.kernel() as kernel:
        kernel.run("1")
        process = psutil.Process(server.pid)
        before = process.cpu_times()
        code = _ANIMATION.format(first=encoded, image=encoded, frames=frames, rate=_FRAMES_A_SECOND)
        printed = servers.run_cell(kernel, code)
        after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / float(printed)
