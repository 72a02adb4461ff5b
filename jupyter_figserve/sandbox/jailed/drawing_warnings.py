"""Warnings for readers of the image: missing glyphs, and those of matplotlib. Zygote and jailed child."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

_MAX_WARNINGS, _MAX_LENGTH = 20, 400
_MAX_CHARACTERS = 30
_PACKAGE = str(Path(__file__).parents[2])
_IGNORED = (DeprecationWarning, PendingDeprecationWarning, ResourceWarning, ImportWarning)


class DrawingWarnings:
    """Collects the warnings of one job."""

    def __init__(self) -> None:
        self._missing: dict[str, None] = {}
        self._messages: dict[str, None] = {}

    def add_missing(self, codepoint: int) -> None:
        """Record a character that no font has."""
        self._missing[chr(codepoint)] = None

    def add(self, message: str) -> None:
        if len(self._messages) < _MAX_WARNINGS and not message.startswith("Glyph "):
            self._messages[message[:_MAX_LENGTH]] = None

    def clear(self) -> None:
        self._missing.clear()
        self._messages.clear()

    @property
    def sentences(self) -> list[str]:
        """The warnings; the missing characters come first, in one sentence."""
        return [*self._describe_missing(), *self._messages]

    def _describe_missing(self) -> list[str]:
        if not self._missing:
            return []
        shown = list(self._missing)[:_MAX_CHARACTERS]
        names = ", ".join(f"{one} (U+{ord(one):04X})" if one.isprintable() else f"U+{ord(one):04X}" for one in shown)
        more = f" and {len(self._missing) - len(shown)} more" if len(self._missing) > len(shown) else ""
        return [
            f"Missing glyphs: no font in use has {names}{more}; the image shows boxes instead. Install a font that has"
            " them where the renders run (for Chinese, Japanese and Korean: fonts-noto-cjk), or name one in"
            ' plt.rcParams["font.family"].'
        ]


drawing_warnings = DrawingWarnings()


class _MathtextHandler(logging.Handler):
    """Records the characters that the fonts of mathtext lack."""

    def emit(self, record: logging.LogRecord) -> None:
        args = record.args
        if "does not have a glyph" in str(record.msg) and isinstance(args, tuple) and isinstance(args[-1], int):
            drawing_warnings.add_missing(args[-1])


def install() -> None:
    """Hook into matplotlib and ``warnings``; called once, in the zygote."""
    from matplotlib import _text_helpers

    helpers: Any = _text_helpers
    original = helpers.warn_on_missing_glyph

    def warn_on_missing_glyph(codepoint: int, *font_names: str) -> None:
        # Here rather than from the warning, which the code may have switched off. matplotlib 3.8 names no fonts.
        drawing_warnings.add_missing(codepoint)
        original(codepoint, *font_names)

    helpers.warn_on_missing_glyph = warn_on_missing_glyph
    logging.getLogger("matplotlib.mathtext").addHandler(_MathtextHandler())
    show = warnings.showwarning

    def showwarning(message: Any, category: Any, filename: str, *args: Any, **options: Any) -> None:
        if issubclass(category, UserWarning) and not issubclass(category, _IGNORED):
            drawing_warnings.add(str(message))
            if filename.startswith(_PACKAGE):
                # Raised while the image was made, by no line of the code.
                return
        show(message, category, filename, *args, **options)

    warnings.showwarning = showwarning
