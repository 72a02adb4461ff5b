"""A copy of a matplotlib figure that is about to be cleared or changed. Kernel and jailed child."""

from __future__ import annotations

import pickle
from typing import Any

from .pickling import pickle_figure


def copy_figure(figure: Any) -> Any | None:
    """Return a copy that pyplot does not know, or None if the figure cannot be copied."""
    canvas = figure.canvas
    # A figure that pyplot manages would be managed again when it is unpickled.
    manager, canvas.manager = canvas.manager, None
    try:
        return pickle.loads(pickle_figure(figure))  # noqa: S301  pickled here
    except Exception:
        return None
    finally:
        canvas.manager = manager


def is_blank(figure: Any) -> bool:
    """Whether a figure shows nothing but its background; notebooks do not display such a figure."""
    return len(figure.get_children()) <= 1


def is_empty(figure: Any) -> bool:
    """Whether a figure shows nothing, or axes without content, as ``plt.cla()`` leaves them."""
    others = [child for child in figure.get_children() if child is not figure.patch]
    return all(hasattr(child, "has_data") and _is_axes_empty(child) for child in others)


def _is_axes_empty(axes: Any) -> bool:
    drawn = axes.has_data() or axes.texts or axes.tables or axes.artists or axes.child_axes
    words = (axes.get_xlabel(), axes.get_ylabel(), *(axes.get_title(place) for place in ("left", "center", "right")))
    return not drawn and not any(words)
