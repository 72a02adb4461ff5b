"""A snapshot of a matplotlib figure's state, to restore after drawing what changes it. Kernel and jailed child."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MAX_OBJECTS = 200_000
_MODULES = ("matplotlib.", "mpl_toolkits.")
# The canvas belongs to the user's window, and callbacks to the code that registered them.
_SKIPPED = frozenset({"canvas", "manager", "_canvas_callbacks", "_cachedRenderer", "renderer"})
_DIVIDED = ("_tee_from", "frame_seq", "_iter_gen")
# Arrays that matplotlib changes in place: those of bounding boxes and transforms.
_TRANSFORMS = "matplotlib.transforms"


@contextmanager
def preserved(figure: Any, animation: Any = None) -> Iterator[None]:
    """Restore the attributes and containers of all matplotlib objects of a figure, and those of its animation."""
    states = _collect(figure)
    own = None if animation is None else vars(animation).copy()
    try:
        yield
    finally:
        for target, content in states:
            _restore(target, content)
        if own is not None:
            # An iterator that was divided continues with its second half.
            kept = {name: vars(animation)[name] for name in _DIVIDED if name in vars(animation)}
            vars(animation).update(own | kept)


def _collect(root: Any) -> list[tuple[Any, Any]]:
    """Return each object or container that the figure consists of, with a shallow copy of its content."""
    states: list[tuple[Any, Any]] = []
    seen: set[int] = set()
    waiting = [root]
    while waiting and len(states) < _MAX_OBJECTS:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, (list, set, deque)):
            states.append((one, one.copy()))
            waiting.extend(one)
        elif isinstance(one, dict):
            states.append((one, one.copy()))
            waiting.extend(one.values())
        elif isinstance(one, tuple):
            waiting.extend(one)
        elif type(one).__module__.startswith(_MODULES) and hasattr(one, "__dict__") and not isinstance(one, type):
            content = vars(one).copy()
            states.append((one, content))
            if type(one).__module__ == _TRANSFORMS:
                states.extend((value, value.copy()) for value in content.values() if hasattr(value, "setflags"))
            waiting.extend(value for name, value in content.items() if name not in _SKIPPED)
    return states


def _restore(target: Any, content: Any) -> None:
    if isinstance(target, dict):
        target.clear()
        target.update(content)
    elif isinstance(target, (list, deque)):
        target.clear()
        target.extend(content)
    elif isinstance(target, set):
        target.clear()
        target.update(content)
    elif hasattr(target, "setflags"):
        if target.flags.writeable:
            target[...] = content
    else:
        skipped = {name: vars(target)[name] for name in _SKIPPED if name in vars(target)}
        vars(target).clear()
        vars(target).update(content | skipped)
