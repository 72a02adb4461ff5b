"""Recolouring of a finished figure in another matplotlib style. Kernel and jailed child.

Only colours that come from the previous style are changed; colours that the author chose stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidInput

_SAVE_OPTIONS = ("savefig.bbox", "savefig.dpi", "savefig.pad_inches", "savefig.transparent")


def use_style(style: str) -> None:
    """Use a style of matplotlib.

    Raises
    ------
    InvalidInput
        There is no such style.
    """
    from matplotlib import style as styles

    if style != "default" and style not in styles.available:
        raise InvalidInput(f"Unknown style {style!r:.60}; use one of {', '.join(sorted(styles.available))}.")
    styles.use(style)


def apply_style(figure: Any, style: str) -> None:
    """Use a style, and recolour a figure that was drawn under the rcParams before; its size stays."""
    import matplotlib

    params: Any = matplotlib.rcParams
    before = params.copy()
    use_style(style)
    # They are options of the author's savefig, which a style such as default or classic would reset.
    params.update({name: before[name] for name in _SAVE_OPTIONS})
    restyle(figure, before, params)


def restyle(figure: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Change the colours of ``figure`` from the rcParams ``before`` to ``after``."""
    _recolour(figure.patch, "facecolor", before["figure.facecolor"], after["figure.facecolor"])
    cycles = [_cycle(params) for params in (before, after)]
    lines = {_hex(old): new for old, new in zip(*cycles, strict=False)}
    for axes in figure.get_axes():
        _restyle_axes(axes, before, after)
        for artist in (*axes.lines, *axes.patches):
            for name in ("color", "facecolor"):
                if hasattr(artist, f"get_{name}") and _get(artist, name) in lines:
                    getattr(artist, f"set_{name}")(lines[_get(artist, name)])
    for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")):
        _recolour(text, "color", before["text.color"], after["text.color"])


def _restyle_axes(axes: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    _recolour(axes.patch, "facecolor", before["axes.facecolor"], after["axes.facecolor"])
    for spine in axes.spines.values():
        _recolour(spine, "edgecolor", before["axes.edgecolor"], after["axes.edgecolor"])
    for name in ("xaxis", "yaxis"):
        axis, letter = getattr(axes, name), name[0]
        axis.set_tick_params(color=after[f"{letter}tick.color"], labelcolor=_tick_label_colour(after, letter))
        _recolour(axis.label, "color", before["axes.labelcolor"], after["axes.labelcolor"])
        if after["axes.grid"]:
            axis.grid(True, color=after["grid.color"], linestyle=after["grid.linestyle"], zorder=0.5)
    legend = axes.get_legend()
    if legend is not None:
        face = after["legend.facecolor"]
        legend.get_frame().set_facecolor(after["axes.facecolor"] if face == "inherit" else face)


def _tick_label_colour(params: Mapping[str, Any], letter: str) -> Any:
    """Return the colour of tick labels, by default that of the ticks."""
    colour = params[f"{letter}tick.labelcolor"]
    return params[f"{letter}tick.color"] if colour == "inherit" else colour


def _cycle(params: Mapping[str, Any]) -> list[Any]:
    return list(params["axes.prop_cycle"].by_key().get("color", []))


def _recolour(artist: Any, name: str, old: Any, new: Any) -> None:
    if _get(artist, name) == _hex(old):
        getattr(artist, f"set_{name}")(new)


def _get(artist: Any, name: str) -> str | None:
    return _hex(getattr(artist, f"get_{name}")())


def _hex(colour: Any) -> str | None:
    """Return a colour in hexadecimal, None if it is not a single colour."""
    from matplotlib import colors

    try:
        return colors.to_hex(colour, keep_alpha=True)
    except (ValueError, TypeError):
        return None
