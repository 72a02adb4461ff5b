"""Hooks into pyplot: no windows, and a record of closed figures. Zygote and jailed child.

Posted code is written for a desktop: it selects GUI backends, shows windows, pauses, saves files and closes figures.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import sys
from typing import Any

from ...plotting.shown_figures import ShownFigures, wrap_close

_MAX_KEPT = 20


shown_figures = ShownFigures(_MAX_KEPT)
"""Figures that the code saved or closed; a reader on a desktop would have seen them."""


def install() -> None:
    """Fix the backend to Agg and replace ``show``, ``pause``, ``close`` and ``savefig``; called once, in the zygote."""
    import matplotlib
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    pyplot.switch_backend("agg")
    patched: Any = pyplot
    patched.show = _named_as(pyplot.show, lambda *_args, **_kwargs: None)
    patched.switch_backend = _named_as(pyplot.switch_backend, lambda _newbackend: None)
    patched.pause = _named_as(pyplot.pause, _pause)
    patched.close = wrap_close(pyplot.close, shown_figures.keep)
    library: Any = matplotlib
    library.use = _named_as(matplotlib.use, lambda _backend, *, force=True: None)
    figure_class: Any = Figure
    figure_class.show = _named_as(Figure.show, lambda _figure, warn=True: None)
    figure_class.savefig = _wrap_savefig(Figure.savefig)
    # The jail denies chmod and utime, so that copies of files keep their default modes and times.
    copying: Any = shutil
    copying.copymode = copying.copystat = lambda *_args, **_kwargs: None
    sockets: Any = socket
    sockets.socketpair = _wrap_socketpair(socket.socketpair)


def _named_as(original: Any, replacement: Any) -> Any:
    """Return ``replacement`` with the name and docstring of ``original``."""
    return functools.wraps(original)(replacement)


def _pause(_interval: float) -> None:
    """Redraw a changed figure, as pyplot does, and return without waiting."""
    from matplotlib import pyplot

    if pyplot.get_fignums():
        canvas = pyplot.gcf().canvas
        if canvas.figure.stale:
            canvas.draw_idle()


def _wrap_savefig(savefig: Any) -> Any:
    """Wrap ``savefig``: a path that cannot be written is reported on stderr, and the figure is recorded."""

    @functools.wraps(savefig)
    def saving(self: Any, fname: Any, **options: Any) -> None:
        if not isinstance(fname, (str, os.PathLike)):
            savefig(self, fname, **options)
            return
        shown_figures.keep(self)
        try:
            savefig(self, fname, **options)
        except OSError as error:
            reason = error.strerror or str(error)
            print(f"{os.fspath(fname)!r:.200} was not written: {reason}. The result is the figure.", file=sys.stderr)

    return saving


class _PipeEnd:
    """The part of a socket that an event loop uses to wake itself, on a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def setblocking(self, flag: bool) -> None:
        os.set_blocking(self._descriptor, flag)

    def recv(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def send(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        os.close(self._descriptor)


def _wrap_socketpair(socketpair: Any) -> Any:
    """Wrap ``socketpair``: the jail denies sockets, and asyncio can wake its loop by a pipe."""

    @functools.wraps(socketpair)
    def pair(*args: Any, **options: Any) -> Any:
        try:
            return socketpair(*args, **options)
        except PermissionError:
            if args or options:
                raise
            reading, writing = os.pipe()
            return _PipeEnd(reading), _PipeEnd(writing)

    return pair
