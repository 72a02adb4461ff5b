"""A live figure as the result of a cell: its link, and itself with its controls. Kernel."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from html import escape
from typing import Any

from ...errors import InvalidInput
from ..client.front_end import find_kernel


def make_bundle(name: str, text: str, url: str) -> dict[str, Any]:
    """Return the mimebundle of the link to its page."""
    html = f'<a href="{escape(url)}" target="_blank" rel="noopener">Live figure {escape(name)}</a>'
    return {"text/plain": f"{text} at {url}", "text/html": html}


def display_live(bundle: dict[str, Any], make_widget: Callable[[], Any]) -> None:
    """Display the link and, in a notebook, the figure with its controls below, as a dashboard is displayed.

    They are two outputs: with a single one, front ends would choose the widget even if no kernel is running. A
    function that requires arguments is displayed by its link alone.
    """
    from IPython.display import display

    display(bundle, raw=True)  # type: ignore[no-untyped-call]
    if find_kernel() is None:
        return
    with contextlib.suppress(InvalidInput, ImportError):
        display(make_widget())  # type: ignore[no-untyped-call]
