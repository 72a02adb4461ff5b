"""Isolation of a live call from other threads: pyplot figures, rcParams and output. Kernel and jailed child.

The user's cell runs in the main thread at the same time. What a live function does with pyplot, rcParams and print must
not affect the cell, and vice versa. The patches are in place only while a call runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import cache, wraps
from typing import Any

MAX_OUTPUT_LENGTH = 10_000
"""Characters of a call's output that are kept."""
_ident: int | None = None
"""Identifier of the thread that runs a call."""
_turn = threading.RLock()
"""Held during a call: live calls, and the drawing of published figures in the background."""
_mathtext = threading.RLock()


@contextlib.contextmanager
def isolated_call(*, max_wait: float = -1) -> Iterator[list[str]]:
    """Run the block as a live call; yields the list that receives its output.

    At the end, the pyplot figures of the block are gone and its changes of rcParams are undone.

    Parameters
    ----------
    max_wait
        Seconds to wait for a call in another thread, as one call runs at a time in a process; -1 waits until it ends.

    Raises
    ------
    TimeoutError
        The other call takes longer.
    """
    global _ident
    printed: list[str] = []
    turn = _turn
    if not turn.acquire(timeout=max_wait):
        raise TimeoutError("Another live call is running.")
    with contextlib.ExitStack() as undo:
        undo.callback(turn.release)
        assert _ident is None, "a live call in a live call"
        undo.enter_context(_own_figures())
        undo.enter_context(_own_output(printed))
        _ident = threading.get_ident()
        undo.callback(_leave)
        yield printed


def in_live_call() -> bool:
    """Whether this thread runs a live call."""
    return _ident == threading.get_ident()


def install_mathtext_lock() -> None:
    """Put a lock around the mathtext parser, which all threads share, that of the user's cell included.

    Without the lock, ``tight_layout`` in two threads fails in about every second draw (matplotlib 3.8 to 3.11).
    """
    mathtext = sys.modules.get("matplotlib.mathtext")
    original: Any = getattr(getattr(mathtext, "MathTextParser", None), "parse", None)
    if original is None or getattr(original, "_figserve_locked", False):
        return

    @wraps(original)
    def parse(*args: Any, **kwargs: Any) -> Any:
        with _mathtext:
            return original(*args, **kwargs)

    parse._figserve_locked = True  # type: ignore[attr-defined]
    mathtext.MathTextParser.parse = parse  # type: ignore[union-attr]


def _leave() -> None:
    global _ident
    _ident = None


@contextlib.contextmanager
def _own_figures() -> Iterator[None]:
    """Give this thread its own pyplot figures, backend and rcParams."""
    try:
        import matplotlib
        import matplotlib.pyplot as pyplot
        from matplotlib._pylab_helpers import Gcf
        from matplotlib.backends import backend_agg
    except ImportError:
        # The kernel uses another plotting library.
        yield
        return
    install_mathtext_lock()
    state: Any = pyplot
    registry: Any = Gcf
    figures, find_backend = registry.figs, state._get_backend_mod
    own = _ThreadLocalFigures(figures)
    agg = _HeadlessBackend(backend_agg)
    params: Any = matplotlib.rcParams
    original_class: Any = type(params)
    params_class = _isolated_class(original_class)

    def get_backend_mod() -> Any:
        return agg if in_live_call() else find_backend()

    try:
        registry.figs, state._get_backend_mod = own, get_backend_mod
        params_class.figserve_overlay, params_class.figserve_target = _snapshot(params), params
        params.__class__ = params_class
        yield
    finally:
        # Do not undo a patch that other code applied meanwhile.
        if registry.figs is own:
            registry.figs = figures
        if state._get_backend_mod is get_backend_mod:
            state._get_backend_mod = find_backend
        if type(params) is params_class:
            params.__class__ = original_class


class _ThreadLocalFigures:
    """pyplot's registry of figures: a separate one for the live thread, the original one for all others."""

    def __init__(self, others: OrderedDict[int, Any]) -> None:
        self._others = others
        self._own: OrderedDict[int, Any] = OrderedDict()

    @property
    def _current(self) -> OrderedDict[int, Any]:
        return self._own if in_live_call() else self._others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current, name)

    def __getitem__(self, number: int) -> Any:
        return self._current[number]

    def __setitem__(self, number: int, manager: Any) -> None:
        self._current[number] = manager

    def __delitem__(self, number: int) -> None:
        del self._current[number]

    def __contains__(self, number: object) -> bool:
        return number in self._current

    def __iter__(self) -> Iterator[int]:
        return iter(self._current)

    def __reversed__(self) -> Iterator[int]:
        return iter(reversed(self._current))

    def __len__(self) -> int:
        return len(self._current)


class _HeadlessBackend:
    """The backend of the live thread: it draws in memory and shows nothing, so that no cell displays its figures."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    @staticmethod
    def show(*_args: Any, **_kwargs: Any) -> None:
        """Keep the figure current, to be the result."""


def _snapshot(params: Any) -> dict[str, Any]:
    """Return the parameters at the start of a call; what the cell sets afterwards does not affect its image."""
    values = dict.copy(params)
    # Looking it up may load a backend and set it.
    values.pop("backend", None)
    return values


@cache
def _isolated_class(base: Any) -> Any:
    """Return a class for ``matplotlib.rcParams`` during a call, in which the live thread has its own parameters."""
    get, put, update = base._get, base._set, base._update_raw

    class IsolatedRcParams(base):  # type: ignore[misc]
        figserve_overlay: dict[str, Any] = {}
        figserve_target: Any = None
        """The one isolated object; copies made meanwhile have this class too, and behave ordinarily."""

        def _set(self, key: str, value: Any) -> None:
            if self is IsolatedRcParams.figserve_target and in_live_call():
                IsolatedRcParams.figserve_overlay[key] = value
            else:
                put(self, key, value)

        def _get(self, key: str) -> Any:
            if self is IsolatedRcParams.figserve_target and in_live_call():
                overlay = IsolatedRcParams.figserve_overlay
                if key in overlay:
                    return overlay[key]
            return get(self, key)

        def _update_raw(self, other: Any) -> None:
            if self is IsolatedRcParams.figserve_target and in_live_call():
                IsolatedRcParams.figserve_overlay.update(dict.items(other))
            else:
                update(self, other)

    IsolatedRcParams.__name__ = IsolatedRcParams.__qualname__ = base.__name__
    return IsolatedRcParams


@contextlib.contextmanager
def _own_output(printed: list[str]) -> Iterator[None]:
    """Capture what the live thread prints and displays; it would appear under the running cell."""
    left = MAX_OUTPUT_LENGTH

    def keep(text: str) -> int:
        nonlocal left
        if left > 0:
            printed.append(text[:left])
            left -= len(text)
        return len(text)

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    publisher = getattr(shell, "display_pub", None)
    with contextlib.ExitStack() as undo:
        for stream in {id(s): s for s in (sys.stdout, sys.stderr) if s is not None}.values():
            undo.enter_context(_redirect(stream, "write", keep))
        if publisher is not None:
            undo.enter_context(_redirect(publisher, "publish", lambda *_args, **_kwargs: None))
        yield


@contextlib.contextmanager
def _redirect(target: Any, name: str, ours: Callable[..., Any]) -> Iterator[None]:
    """Redirect the live thread's calls of a method to ``ours``; the object itself is not replaced."""
    original = getattr(target, name)

    def dispatch(*args: Any, **kwargs: Any) -> Any:
        return (ours if in_live_call() else original)(*args, **kwargs)

    had = name in getattr(target, "__dict__", {})
    try:
        setattr(target, name, dispatch)
    except (AttributeError, TypeError):
        # The stream is implemented in C, such as a StringIO that a cell has set.
        yield
        return
    try:
        yield
    finally:
        if getattr(target, "__dict__", {}).get(name) is dispatch:
            if had:
                setattr(target, name, original)
            else:
                delattr(target, name)


def _reset_after_fork() -> None:
    """Reset the state in a forked child: the calling thread is gone, and its identifier may be reused."""
    global _ident, _mathtext, _turn
    _ident, _mathtext, _turn = None, threading.RLock(), threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
