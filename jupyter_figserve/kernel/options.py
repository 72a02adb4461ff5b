"""Explains options that a function of the notebook API does not have: the ones meant, or what to do instead. Kernel."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from ..errors import UnknownOption

_P = ParamSpec("_P")
_R = TypeVar("_R")

_FOR_SHARE = "It is one of share(): figserve.publish(fig).share(expires=…)."
_FOR_IMAGES = 'Ask for it with the image: pub.image_url("png", width=…); figsize=… of the figure is the size of all.'
_FOR_SAVEFIG = 'Set it before you publish, as for savefig: plt.rcParams["savefig.facecolor"] = "white".'
_FOR_LOOKS = (
    "Set it before the figure is drawn, or ask for it with the image of a link:"
    ' figserve.publish(fig).share().signed_image_url("png", transparent=True, style="ggplot").'
)
PUBLISH = {
    **dict.fromkeys(("expires", "label", "views", "audience", "users", "groups", "data", "code", "server"), _FOR_SHARE),
    **dict.fromkeys(("width", "height"), _FOR_IMAGES),
    **dict.fromkeys(("style", "transparent"), _FOR_LOOKS),
    **dict.fromkeys(("facecolor", "edgecolor"), _FOR_SAVEFIG),
    "pad_inches": _FOR_SAVEFIG.replace('facecolor"] = "white"', 'pad_inches"] = 0.2'),
    "bbox_inches": "Use tight=True.",
    "description": "Use alt=… for screen readers, or caption=… for a text below the figure.",
}
"""What to do instead of options that ``publish`` does not have."""
IMAGE = dict.fromkeys(
    ("style", "transparent"), 'The image of a link has it: pub.share().signed_image_url("png", transparent=True).'
)
"""Those of ``image_url``; below, those of ``share``."""
SHARE_FIGURE = dict.fromkeys(
    ("lock", "allow"),
    "Only live figures and dashboards have parameters: write a function that draws the figure, with @figserve.live.",
)
_NO_DATA = "Only links of figures have data and code: figserve.publish(fig).share(data=True)."
SHARE_LIVE = {
    "server": (
        "Live figures and dashboards are shared from the server of their kernel only. Share an image of one elsewhere,"
        ' figserve.publish(fig).share(server=…), or send a dashboard as a file: board.save("board.html").'
    ),
    "version": "Links of live figures and dashboards show the newest one. A link of a figure can show one version.",
    "data": _NO_DATA,
    "code": _NO_DATA,
}
DASHBOARD = {"title": "It is an argument of Dashboard(title, rows)."}


def explain_options(hints: Mapping[str, str]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return a decorator for a function that refuses unknown keyword arguments with a sentence.

    Parameters
    ----------
    hints
        By the name of an option that people try, what to do instead.

    Raises
    ------
    UnknownOption
        From the decorated function, before it runs.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        names = [name for name in inspect.signature(function).parameters if name != "self"]
        known = frozenset(names)

        @functools.wraps(function)
        def checked(*args: _P.args, **options: _P.kwargs) -> _R:
            if not options.keys() <= known:
                given = next(name for name in options if name not in known)
                raise UnknownOption(_explain(function.__name__, given, names, hints))
            return function(*args, **options)

        return checked

    return decorate


def _explain(function: str, given: str, names: list[str], hints: Mapping[str, str]) -> str:
    text = f"{function}() has no option {given!r:.60} here."
    if given in hints:
        return f"{text} {hints[given]}"
    close = difflib.get_close_matches(given, names, n=1)
    return f"{text} Did you mean {close[0]!r}?" if close else f"{text} Its options are {', '.join(names)}."
