"""Global state of matplotlib outside rcParams and figures, on its modules and classes. Kernel and jailed child.

Drawing reads it, and pickles of figures refer to it by name: an ``axes.bar`` on polar axes, for example, makes every
rectangle of the process a curve.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

SharedState = Mapping[str, Any]
"""Values by the name of their part, of those parts that are not as matplotlib defines them."""

_DEFAULT_EPOCH = "1970-01-01T00:00:00"
_DEFAULT_FAMILIES = {"ttf": "DejaVu Sans", "afm": "Helvetica"}
_UNIT_PATHS = ("unit_rectangle", "unit_circle", "unit_circle_righthalf")
# Numbers and tables that users change, because nothing else controls what they describe.
_CONSTANTS = {
    "matplotlib._mathtext": ("SHRINK_FACTOR", "NUM_SIZE_LEVELS"),
    "matplotlib.axis:Axis": ("OFFSETTEXTPAD",),
    "matplotlib.projections.geo:GeoAxes": ("RESOLUTION",),
    "matplotlib.ticker:EngFormatter": ("ENG_PREFIXES",),
}


def capture() -> dict[str, Any]:
    """Return the current shared state, if this process has loaded matplotlib."""
    if "matplotlib.figure" not in sys.modules:
        return {}
    found = {name: read() for name, (read, _) in _PARTS.items()}
    return {name: value for name, value in found.items() if value}


@contextlib.contextmanager
def applied(state: SharedState) -> Iterator[None]:
    """Temporarily establish a captured state; parts that it does not name are as matplotlib defines them."""
    with contextlib.ExitStack() as undo:
        for name, (read, write) in _PARTS.items():
            before = read()
            after = state.get(name) or type(before)()
            if after != before:
                undo.callback(write, before)
                write(after)
        yield


def _read_steps() -> dict[str, int]:
    """Return the interpolation steps of shared paths, on which curved projections depend."""
    from matplotlib.path import Path

    paths = {name: getattr(Path, f"_{name}", None) for name in _UNIT_PATHS}
    steps = {name: getattr(path, "_interpolation_steps", 1) for name, path in paths.items() if path is not None}
    return {name: count for name, count in steps.items() if count != 1}


def _write_steps(steps: Mapping[str, int]) -> None:
    from matplotlib.path import Path

    for name in _UNIT_PATHS:
        path: Any = getattr(Path, name)()
        path._interpolation_steps = steps.get(name, 1)


@cache
def _builtin_colours() -> dict[str, Any]:
    from matplotlib import colors

    xkcd, tableau = colors.XKCD_COLORS, colors.TABLEAU_COLORS
    xkcd = xkcd | {name.replace("grey", "gray"): value for name, value in xkcd.items() if "grey" in name}
    tableau = tableau | {name.replace("gray", "grey"): value for name, value in tableau.items() if "gray" in name}
    return {**xkcd, **colors.CSS4_COLORS, **tableau, **colors.BASE_COLORS}


def _read_colours() -> dict[str, Any]:
    """Return the named colours that were added or redefined, as seaborn does for ``"b"``."""
    from matplotlib import colors

    builtin, current = _builtin_colours(), dict(colors.get_named_colors_mapping())
    if builtin == current:
        return {}
    return {name: value for name, value in current.items() if name not in builtin or builtin[name] != value}


def _write_colours(changed: Mapping[str, Any]) -> None:
    from matplotlib import colors

    mapping, builtin = colors.get_named_colors_mapping(), _builtin_colours()
    for name in _read_colours():
        if name in builtin:
            mapping[name] = builtin[name]
        else:
            del mapping[name]
    mapping.update(changed)
    getattr(mapping, "cache", {}).clear()


def _read_hatches() -> list[type]:
    """Return the classes of hatches that were registered in addition to matplotlib's own."""
    from matplotlib import hatch

    return [kind for kind in hatch._hatch_types if kind.__module__ != hatch.__name__]  # type: ignore[attr-defined]


def _write_hatches(kinds: list[type]) -> None:
    from matplotlib import hatch
    from matplotlib.path import Path

    known: list[type] = hatch._hatch_types  # type: ignore[attr-defined]
    known[:] = [*(kind for kind in known if kind.__module__ == hatch.__name__), *kinds]
    getattr(Path.hatch, "cache_clear", lambda: None)()


def _constants() -> Iterator[tuple[str, Any, str]]:
    """Yield the name, the owner and the attribute of each constant."""
    for path, names in _CONSTANTS.items():
        module, _, kind = path.partition(":")
        if module in sys.modules:
            owner = getattr(sys.modules[module], kind, None) if kind else sys.modules[module]
            yield from ((f"{path}.{name}", owner, name) for name in names if hasattr(owner, name))
    base: Any = getattr(sys.modules.get("matplotlib._mathtext"), "FontConstantsBase", None)
    for kind_ in (base, *base.__subclasses__()) if base is not None else ():
        own = [name for name, value in vars(kind_).items() if isinstance(value, (int, float))]
        yield from ((f"matplotlib._mathtext:{kind_.__name__}.{name}", kind_, name) for name in own)


def _read_constants() -> dict[str, Any]:
    return {path: getattr(owner, name) for path, owner, name in _constants()}


def _write_constants(values: Mapping[str, Any]) -> None:
    for path in {path.partition(":")[0] for path in values}:
        import_module(path if path in _CONSTANTS else path.rpartition(".")[0])
    for path, owner, name in list(_constants()):
        if path in values and getattr(owner, name) != values[path]:
            setattr(owner, name, values[path])
    from matplotlib import mathtext

    parser: Any = mathtext.MathTextParser
    getattr(parser._parse_cached, "cache_clear", lambda: None)()


def _read_epoch() -> str:
    """Return the epoch of dates, which is fixed by the first date of a process."""
    dates: Any = sys.modules.get("matplotlib.dates")
    epoch = getattr(dates, "_epoch", None)
    return epoch if epoch not in (None, _DEFAULT_EPOCH) else ""


def _write_epoch(epoch: str) -> None:
    from matplotlib import dates

    module: Any = dates
    module._epoch = epoch or None


def _read_families() -> dict[str, str]:
    """Return the families that replace missing ones."""
    from matplotlib import font_manager

    families: dict[str, str] = font_manager.fontManager.defaultFamily
    return {} if families == _DEFAULT_FAMILIES else dict(families)


def _write_families(families: Mapping[str, str]) -> None:
    from matplotlib import font_manager

    manager: Any = font_manager.fontManager
    manager.defaultFamily = dict(families or _DEFAULT_FAMILIES)
    manager._findfont_cached.cache_clear()


_PARTS: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "interpolation_steps": (_read_steps, _write_steps),
    "colours": (_read_colours, _write_colours),
    "hatches": (_read_hatches, _write_hatches),
    "constants": (_read_constants, _write_constants),
    "epoch": (_read_epoch, _write_epoch),
    "families": (_read_families, _write_families),
}
