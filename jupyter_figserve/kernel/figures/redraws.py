"""Draws published figures again from their sources, for a server that has no sandbox to open them in. Kernel.

Only a source that this process has pickled is opened, known by its digest. Nobody else can have a pickle opened here:
not another server, not a visitor of a link, and not whoever changes the server's files.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from ...errors import InvalidInput, NotFound, Unavailable
from ...model.figures import EncodedImage, sha256_hex
from ...model.rendering import DrawOptions
from ..agent.agent import find_agent, start_agent
from ..agent.offers import Reply, check_size, error_json, offers
from ..agent.worker_thread import worker_thread
from ..cells.between_cells import BetweenCells

MAX_SOURCES = 1_000
_OPTIONS = frozenset(field.name for field in fields(DrawOptions))
_SIZE_ADVICE = "(FigServe.render_result_bytes, FigServe.live_bytes). Request a smaller size."
_DEFAULT_SECONDS = 10.0


class OwnSources:
    """The digests of the newest sources that this process has pickled and published."""

    def __init__(self, max_sources: int = MAX_SOURCES) -> None:
        self._max_sources = max_sources
        self._lock = threading.Lock()
        self._digests: dict[str, None] = {}

    def reset_after_fork(self) -> None:
        """Start empty in a forked child, which has pickled nothing yet."""
        self._lock = threading.Lock()
        self._digests = {}

    def add(self, source: bytes) -> None:
        digest = sha256_hex(source)
        with self._lock:
            self._digests.pop(digest, None)
            self._digests[digest] = None
            while len(self._digests) > self._max_sources:
                del self._digests[next(iter(self._digests))]

    def has(self, source: bytes) -> bool:
        """Whether these bytes are a source that this process has pickled."""
        digest = sha256_hex(source)
        with self._lock:
            return digest in self._digests

    def announcement(self) -> dict[str, Any] | None:
        """Return what the server is told: the digests, oldest first, and the formats that cannot be written."""
        with self._lock:
            digests = list(self._digests)
        if not digests:
            return None
        from ...plotting.raster import unsupported_formats

        return {"digests": digests, "unsupported": unsupported_formats()}


own_sources = OwnSources()
between_cells = BetweenCells()


def keep_source(source: bytes, asks_kernel: bool) -> None:
    """Offer a source that has just been sent; uploader thread.

    Parameters
    ----------
    asks_kernel
        Whether the server has no sandbox, so that it has this kernel draw the source.
    """
    own_sources.add(source)
    agent = find_agent() or (start_agent() if asks_kernel else None)
    if agent is not None:
        agent.announce_sources()


def answer(request: Mapping[str, Any], source: bytes, reply: Reply) -> None:
    """Draw a source as a request asks, and reply; worker thread. Failures are replies, too."""
    head = {"op": "answer", "rid": request.get("rid")}

    def attempt(draw: Callable[[], EncodedImage | None]) -> bool:
        """Reply with what ``draw`` returns; False if that is nothing."""
        try:
            image = draw()
            if image is None:
                return False
            check_size(image.data, request.get("max_bytes"), _SIZE_ADVICE)
        except BaseException as error:
            # SystemExit and KeyboardInterrupt of an artist too: nothing may end this thread.
            reply(head | {"error": {"type": "KernelEnding"} if worker_thread.is_ending else error_json(error)}, b"")
        else:
            size = {"width": image.width, "height": image.height, "dpi": image.dpi}
            reply(head | {"mimetype": image.mimetype, **size}, image.data)
        return True

    if not attempt(lambda: _draw_in_background(request, source)):
        # State that all threads share has changed since; between two cells it is restored.
        timeout = request.get("timeout")
        seconds = float(timeout) if isinstance(timeout, (int, float)) else _DEFAULT_SECONDS
        between_cells.submit(lambda: attempt(lambda: _draw_alone(request, source)), seconds)


def _draw_in_background(request: Mapping[str, Any], source: bytes) -> EncodedImage | None:
    _check_own(source)
    from ...plotting.redraw import draw_in_background

    return draw_in_background(source, _make_draw(request))


def _draw_alone(request: Mapping[str, Any], source: bytes) -> EncodedImage:
    _check_own(source)
    from ...plotting.redraw import draw_alone

    try:
        return draw_alone(source, _make_draw(request))
    except TimeoutError as error:
        raise Unavailable("The kernel is busy with a live figure. Try again in a moment.", retry_after=2) from error


def _check_own(source: bytes) -> None:
    """Refuse to open bytes that this process has not pickled.

    Raises
    ------
    NotFound
        Before anything of the source is read.
    """
    if not own_sources.has(source):
        raise NotFound("This kernel has not made this figure, and does not open it.", code="not_own")


def _make_draw(request: Mapping[str, Any]) -> Callable[[Any, float | None], EncodedImage]:
    given, max_pixels = request.get("options"), request.get("max_pixels")
    if not isinstance(given, dict) or not given.keys() <= _OPTIONS or not isinstance(max_pixels, int):
        raise InvalidInput("The request is not valid: kernel and server have different versions of figserve.")
    options = asdict(DrawOptions(**given))
    from ...plotting.redraw import encode_again

    return lambda found, _dpi: encode_again(found, options, max_pixels).images[0]


offers.find_sources = own_sources.announcement
offers.answerers["redraw"] = lambda request, source, reply, _report: worker_thread.submit(
    lambda: answer(request, source, reply)
)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=own_sources.reset_after_fork)
