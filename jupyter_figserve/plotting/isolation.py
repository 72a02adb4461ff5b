"""A live call's own corner of matplotlib and of the kernel: figures, rcParams, output, by thread. Kernel and sandbox.

The user's cell runs in the main thread at the same time. What a live function does with pyplot, with rcParams and with
print must not show there, and the other way round. Everything here is in place only while a call runs, so that a
kernel that answers nothing pays nothing.
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

OUTPUT_LENGTH = 10_000
"""Characters of what a call prints that are kept."""
_ident: int | None = None
"""The thread whose call runs."""
_mathtext = threading.RLock()


@contextlib.contextmanager
def isolated_call() -> Iterator[list[str]]:
    """Run the block as a live call; what it prints is in the list. One at a time in a process.

    Every figure that pyplot makes in it is gone at its end, every rcParam that it sets is as if it had not.
    """
    global _ident
    assert _ident is None, "two live calls at once"
    printed: list[str] = []
    with contextlib.ExitStack() as undo:
        undo.enter_context(_own_figures())
        undo.enter_context(_own_output(printed))
        _ident = threading.get_ident()
        undo.callback(_leave)
        yield printed


def in_live_call() -> bool:
    """Whether this thread answers a live call."""
    return _ident == threading.get_ident()


def install_mathtext_lock() -> None:
    """Make mathtext, whose parser is one object for all threads, safe; also in the user's cell, which shares it.

    Without it, ``tight_layout`` in two threads fails in about every second draw (matplotlib 3.8 to 3.11).
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
    """pyplot and rcParams of this thread are its own, whatever the backend of the others."""
    try:
        import matplotlib
        import matplotlib.pyplot as pyplot
        from matplotlib._pylab_helpers import Gcf
        from matplotlib.backends import backend_agg
    except ImportError:
        # A kernel without matplotlib draws with something else.
        yield
        return
    install_mathtext_lock()
    state: Any = pyplot
    registry: Any = Gcf
    figures, find_backend = registry.figs, state._get_backend_mod
    own = _ThreadLocalFigures(figures)
    agg = _HeadlessBackend(backend_agg)
    params: Any = matplotlib.rcParams
    its_class: Any = type(params)
    params_class = _scoped(its_class)

    def get_backend_mod() -> Any:
        return agg if in_live_call() else find_backend()

    try:
        registry.figs, state._get_backend_mod = own, get_backend_mod
        params_class.figserve_overlay, params_class.figserve_target = {}, params
        params.__class__ = params_class
        yield
    finally:
        # Whoever has put something else there meanwhile knows better.
        if registry.figs is own:
            registry.figs = figures
        if state._get_backend_mod is get_backend_mod:
            state._get_backend_mod = find_backend
        if type(params) is params_class:
            params.__class__ = its_class


class _ThreadLocalFigures:
    """pyplot's register of figures: for the live thread one of its own, for all others the one that was there."""

    def __init__(self, others: OrderedDict[int, Any]) -> None:
        self._others = others
        self._own: OrderedDict[int, Any] = OrderedDict()

    @property
    def _here(self) -> OrderedDict[int, Any]:
        return self._own if in_live_call() else self._others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._here, name)

    def __getitem__(self, number: int) -> Any:
        return self._here[number]

    def __setitem__(self, number: int, manager: Any) -> None:
        self._here[number] = manager

    def __delitem__(self, number: int) -> None:
        del self._here[number]

    def __contains__(self, number: object) -> bool:
        return number in self._here

    def __iter__(self) -> Iterator[int]:
        return iter(self._here)

    def __reversed__(self) -> Iterator[int]:
        return iter(reversed(self._here))

    def __len__(self) -> int:
        return len(self._here)


class _HeadlessBackend:
    """The backend of the live thread: draws into memory and shows nothing, so that no cell displays its figures."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    @staticmethod
    def show(*_args: Any, **_kwargs: Any) -> None:
        """The figure stays current, for the answer."""


@cache
def _scoped(base: Any) -> Any:
    """A class for ``matplotlib.rcParams`` while a call runs: what the live thread sets, only the live thread sees.

    Drawing asks for thousands of parameters, so that nothing is looked up while nothing was set.
    """
    get, put, update = base._get, base._set, base._update_raw

    class ScopedRcParams(base):  # type: ignore[misc]
        figserve_overlay: dict[str, Any] = {}
        figserve_target: Any = None
        """Copies that are made meanwhile have this class too, and are ordinary."""

        def _set(self, key: str, value: Any) -> None:
            if self is ScopedRcParams.figserve_target and in_live_call():
                ScopedRcParams.figserve_overlay[key] = value
            else:
                put(self, key, value)

        def _get(self, key: str) -> Any:
            overlay = ScopedRcParams.figserve_overlay
            if overlay and key in overlay and self is ScopedRcParams.figserve_target and in_live_call():
                return overlay[key]
            return get(self, key)

        def _update_raw(self, other: Any) -> None:
            if self is ScopedRcParams.figserve_target and in_live_call():
                ScopedRcParams.figserve_overlay.update(dict.items(other))
            else:
                update(self, other)

    ScopedRcParams.__name__ = ScopedRcParams.__qualname__ = base.__name__
    return ScopedRcParams


@contextlib.contextmanager
def _own_output(printed: list[str]) -> Iterator[None]:
    """Keep what the live thread prints and displays, which else would appear under whatever cell runs."""
    left = OUTPUT_LENGTH

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
            undo.enter_context(_dispatched(stream, "write", keep))
        if publisher is not None:
            undo.enter_context(_dispatched(publisher, "publish", lambda *_args, **_kwargs: None))
        yield


@contextlib.contextmanager
def _dispatched(target: Any, name: str, ours: Callable[..., Any]) -> Iterator[None]:
    """Have the live thread's calls of a method go to ``ours``; the object stays the same for those who hold it."""
    original = getattr(target, name)

    def dispatch(*args: Any, **kwargs: Any) -> Any:
        return (ours if in_live_call() else original)(*args, **kwargs)

    had = name in getattr(target, "__dict__", {})
    try:
        setattr(target, name, dispatch)
    except (AttributeError, TypeError):
        # A stream of C's own, such as a StringIO that a cell has put there.
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
    """In the child the calling thread is gone, and another may get its number."""
    global _ident, _mathtext
    _ident, _mathtext = None, threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
