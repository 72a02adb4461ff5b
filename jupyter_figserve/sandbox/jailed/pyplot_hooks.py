"""What pyplot does differently in a child: no windows, and a memory of the figures that were closed. Child side.

Posted code is what a person would run on a desk: it chooses window systems, shows, pauses, saves files and closes.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import sys
from collections import deque
from typing import Any

MAX_KEPT = 20


class ShownFigures:
    """Figures that a reader would have seen though they are gone at the end of the code, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[Any] = deque(maxlen=MAX_KEPT)

    def keep(self, figure: Any) -> None:
        """Put it last, and there once."""
        others = [other for other in self._kept if other is not figure]
        self._kept.clear()
        self._kept.extend([*others, figure])

    def forget_all(self) -> None:
        self._kept.clear()

    @property
    def figures(self) -> list[Any]:
        return list(self._kept)


ledger = ShownFigures()


def install() -> None:
    """Agg for ever, and our own ``show``, ``pause``, ``close`` and ``savefig``; once, in the zygote."""
    import matplotlib
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    pyplot.switch_backend("agg")
    patched: Any = pyplot
    patched.show = _replacing(pyplot.show, lambda *_args, **_kwargs: None)
    patched.switch_backend = _replacing(pyplot.switch_backend, lambda _newbackend: None)
    patched.pause = _replacing(pyplot.pause, _pause)
    patched.close = _closing(pyplot.close)
    library: Any = matplotlib
    library.use = _replacing(matplotlib.use, lambda _backend, *, force=True: None)
    figure_class: Any = Figure
    figure_class.show = _replacing(Figure.show, lambda _figure, warn=True: None)
    figure_class.savefig = _saving(Figure.savefig)
    # Copies of files have the modes and times that they come with: nobody may change any.
    copying: Any = shutil
    copying.copymode = copying.copystat = lambda *_args, **_kwargs: None
    sockets: Any = socket
    sockets.socketpair = _falling_back(socket.socketpair)


def _replacing(original: Any, replacement: Any) -> Any:
    """``replacement`` under the name and the words of ``original``."""
    return functools.wraps(original)(replacement)


def _pause(_interval: float) -> None:
    """Draw what has changed, as pyplot does, and do not wait: nobody is looking."""
    from matplotlib import pyplot

    if pyplot.get_fignums():
        canvas = pyplot.gcf().canvas
        if canvas.figure.stale:
            canvas.draw_idle()


def _closing(close: Any) -> Any:
    @functools.wraps(close)
    def closing(fig: Any = None) -> None:
        from matplotlib import pyplot

        before = _open_figures()
        close(fig)
        left = set(pyplot.get_fignums())
        for number, figure in before.items():
            if number not in left:
                ledger.keep(figure)

    return closing


def _open_figures() -> dict[int, Any]:
    """By number; the current one last."""
    from matplotlib._pylab_helpers import Gcf

    return {number: manager.canvas.figure for number, manager in Gcf.figs.items()}


def _saving(savefig: Any) -> Any:
    """A path that the sandbox does not have is no failure of the figure: it is said, and the figure is answered."""

    @functools.wraps(savefig)
    def saving(self: Any, fname: Any, **options: Any) -> None:
        if not isinstance(fname, (str, os.PathLike)):
            savefig(self, fname, **options)
            return
        ledger.keep(self)
        try:
            savefig(self, fname, **options)
        except OSError as error:
            reason = error.strerror or str(error)
            print(f"{os.fspath(fname)!r:.200} was not written: {reason}. The figure is answered.", file=sys.stderr)

    return saving


class _PipeEnd:
    """What an event loop asks of the sockets by which it wakes itself."""

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


def _falling_back(socketpair: Any) -> Any:
    """A jailed process makes no sockets; asyncio wants a pair to wake its loop, for which a pipe will do."""

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
