"""The state that a figure was drawn in, outside the figure: rcParams, fonts, options of the call. Kernel, jailed child.

Every source carries it: published figures, kept renders and detached functions.
"""

from __future__ import annotations

import contextlib
import locale
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import font_files, shared_objects, time_zone
from .comparison import Engine, current_engine
from .font_files import FontFile, find_font_files

# rcParams that concern the environment and not the image, or that name files of the user.
_ENVIRONMENT = (
    "animation.",
    "backend",
    "date.epoch",
    "docstring.",
    "figure.hooks",
    "figure.raise_window",
    "interactive",
    "keymap.",
    "macosx.",
    "savefig.directory",
    "tk.",
    "toolbar",
    "webagg.",
)
_LOCALE = ("LC_NUMERIC", "LC_TIME")
MAX_FONT_BYTES = 8 * 2**20
"""Limit of all font files of a state, compressed."""
_USETEX = "text.usetex runs LaTeX, which the sandbox cannot do. Use mathtext, which draws most formulas."


@dataclass(frozen=True)
class DrawingState:
    """State besides the figure itself that is needed to draw the same pixels.

    Parameters
    ----------
    rcparams
        rcParams that differ from matplotlib's own defaults.
    shared
        See ``shared_objects``.
    fonts
        Font files that the figure uses and matplotlib does not contain.
    locale
        Names of the process's locale by category (``"LC_NUMERIC"``, ``"LC_TIME"``), where the figure depends on it.
    zone
        Name of the process's time zone, ``""`` for UTC.
    tight
        Whether the image was cropped or extended to its content.
    dpi
        Dots per inch that the call requested; None means those of ``savefig``.
    obstacle
        Why the sandbox cannot draw it, or ``""``.
    engine
        What drew it; None if that is unknown.
    """

    rcparams: Mapping[str, Any] = field(default_factory=dict)
    shared: shared_objects.SharedState = field(default_factory=dict)
    fonts: tuple[FontFile, ...] = ()
    locale: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""
    tight: bool = False
    dpi: float | None = None
    obstacle: str = ""
    engine: Engine | None = None

    @classmethod
    def capture(cls, figure: Any | None, *, tight: bool = False, dpi: float | None = None) -> DrawingState:
        """Return the current state for a figure that has just been drawn; None is that of any figure."""
        if "matplotlib.figure" not in sys.modules:
            return cls(zone=time_zone.current(), tight=tight, dpi=dpi)
        texts = _find_texts(figure)
        rcparams = changed_rcparams()
        fonts = find_font_files(texts)
        uses_tex = rcparams.get("text.usetex") or any(text.get_usetex() for text in texts)
        return cls(
            rcparams=rcparams,
            shared=shared_objects.capture(),
            fonts=fonts,
            locale=_needed_locale(figure),
            zone=time_zone.current(),
            tight=tight,
            dpi=dpi,
            obstacle=_USETEX if uses_tex else _too_large(fonts),
            engine=current_engine(),
        )

    @property
    def is_current(self) -> bool:
        """Whether the state shared by all threads is unchanged, so that another thread can draw the figure."""
        own = (_current_locale(), time_zone.current(), shared_objects.capture())
        return own == (self._whole_locale, self.zone, self.shared)

    @property
    def _whole_locale(self) -> dict[str, str]:
        return dict.fromkeys(_LOCALE, "C") | dict(self.locale)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Temporarily establish this state in the process; in a live call the rcParams are those of its thread."""
        import matplotlib

        # What has been changed since then is reset.
        default: Any = matplotlib.rcParamsDefault
        target = {name: default[name] for name in changed_rcparams() if name in default} | dict(self.rcparams)
        with contextlib.ExitStack() as undo:
            # First, because rcParams may have the names of its colours.
            undo.enter_context(shared_objects.applied(self.shared))
            undo.enter_context(_rcparams_set(target))
            undo.enter_context(font_files.installed(self.fonts))
            undo.enter_context(_locale_set(self._whole_locale))
            undo.enter_context(time_zone.applied(self.zone))
            yield


def _too_large(fonts: tuple[FontFile, ...]) -> str:
    size = sum(len(file.data) for file in fonts)
    if size <= MAX_FONT_BYTES:
        return ""
    names = ", ".join(os.path.basename(file.path) for file in fonts)
    return f"Its fonts ({names:.200}) take {size:,} bytes, and the limit is {MAX_FONT_BYTES:,}. Use smaller fonts."


def changed_rcparams() -> dict[str, Any]:
    """Return the rcParams that affect images and differ from matplotlib's defaults, if matplotlib is loaded."""
    matplotlib: Any = sys.modules.get("matplotlib")
    if matplotlib is None:
        return {}
    params, default = matplotlib.rcParams, matplotlib.rcParamsDefault
    # Not by [], because looking up "backend" would load one.
    now = {name: params._get(name) for name in dict.keys(params) if not name.startswith(_ENVIRONMENT)}
    return {name: value for name, value in now.items() if dict.get(default, name) != value}


@contextlib.contextmanager
def _rcparams_set(target: Mapping[str, Any]) -> Iterator[None]:
    """Set rcParams, without those that this version of matplotlib does not know or allow."""
    import matplotlib

    params: Any = matplotlib.rcParams
    before = {name: params[name] for name in target if name in params}
    try:
        for name in before:
            with contextlib.suppress(ValueError):
                params[name] = target[name]
        yield
    finally:
        for name, value in before.items():
            # Without validation, which needs the colours of that time.
            params._set(name, value)


def _find_texts(figure: Any | None) -> list[Any]:
    """Return the texts of a figure, as the last drawing has left them."""
    from matplotlib.axis import Axis, Tick
    from matplotlib.text import Text

    found: list[Any] = []
    waiting = [] if figure is None else [figure]
    while waiting:
        artist = waiting.pop()
        if isinstance(artist, Text):
            found.append(artist)
        elif isinstance(artist, Axis):
            # Its get_children would recalculate the ticks.
            own = vars(artist)
            waiting += [artist.label, artist.offsetText, *own.get("majorTicks", ()), *own.get("minorTicks", ())]
        elif isinstance(artist, Tick):
            waiting += [artist.label1, artist.label2]
        else:
            waiting += artist.get_children()
    return found


def _needed_locale(figure: Any | None) -> dict[str, str]:
    """Return the locale's names where it is not "C" and a formatter of the figure uses it."""
    names = {name: value for name, value in _current_locale().items() if value != "C"}
    if not names or figure is None:
        return names
    needed = {name for axes in figure.get_axes() for axis in axes._axis_map.values() for name in _categories(axis)}
    return {name: value for name, value in names.items() if name in needed}


def _categories(axis: Any) -> Iterator[str]:
    from matplotlib import ticker

    for formatter in (axis.get_major_formatter(), axis.get_minor_formatter()):
        if isinstance(formatter, ticker.ScalarFormatter):
            if formatter.get_useLocale():
                yield "LC_NUMERIC"
        elif not isinstance(formatter, (ticker.NullFormatter, ticker.LogFormatter)):
            yield "LC_TIME"


def _current_locale() -> dict[str, str]:
    names = {name: locale.setlocale(getattr(locale, name)) for name in _LOCALE}
    return {name: "C" if value == "POSIX" else value for name, value in names.items()}


@contextlib.contextmanager
def _locale_set(names: Mapping[str, str]) -> Iterator[None]:
    before = _current_locale()
    changed = [name for name in names if names[name] != before[name]]
    try:
        for name in changed:
            # Where it is not installed, the numbers and months are those of "C".
            with contextlib.suppress(locale.Error):
                locale.setlocale(getattr(locale, name), names[name])
        yield
    finally:
        for name in changed:
            locale.setlocale(getattr(locale, name), before[name])
