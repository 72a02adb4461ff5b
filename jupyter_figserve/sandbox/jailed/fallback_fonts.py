"""Fonts for characters that the figure's own fonts lack. Zygote and jailed child.

Matplotlib looks for each character in the families of ``font.family``, and draws a box if none has it. Posted code
comes from machines with other fonts: here the families below follow those of the figure. The first fonts stay the same,
so that text that they cover is drawn as before.
"""

from __future__ import annotations

import functools
from typing import Any

FAMILIES = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans JP",
    "Noto Sans SC",
    "Noto Sans KR",
    "Source Han Sans",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "IPAexGothic",
    "IPAGothic",
    "NanumGothic",
    "Unifont",
)
_MAX_FONTS = 3

_is_on = False


def install() -> None:
    """Append the fallback families to each search for fonts; called once, in the zygote."""
    from matplotlib.font_manager import FontManager

    manager: Any = FontManager
    # Private; without this method in some version, there is no fallback, and missing glyphs are reported.
    find = getattr(manager, "_find_fonts_by_props", None)
    if find is None:
        return

    @functools.wraps(find)
    def finding(self: Any, prop: Any, fontext: str = "ttf", *args: Any, **options: Any) -> list[str]:
        found: list[str] = find(self, prop, fontext, *args, **options)
        if not _is_on or fontext != "ttf":
            return found
        others = _find_fallbacks(self, prop)
        return [*found, *(path for path in others if path not in found)]

    manager._find_fonts_by_props = finding


def switch_on() -> None:
    """Use the fallback in this process: for posted code, while a redrawn figure keeps the fonts of its kernel."""
    global _is_on
    _is_on = True


def _find_fallbacks(manager: Any, prop: Any) -> list[str]:
    """Return the files of the fallback families that are installed, in the weight and style of ``prop``."""
    from matplotlib.font_manager import FontProperties

    installed = {entry.name for entry in manager.ttflist}
    paths = []
    for family in [name for name in FAMILIES if name in installed][:_MAX_FONTS]:
        wanted = FontProperties._from_any(prop).copy()  # type: ignore[attr-defined]
        wanted.set_family(family)
        paths.append(manager.findfont(wanted, fallback_to_default=False))
    return paths
