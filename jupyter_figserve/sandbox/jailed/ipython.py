"""The notebook environment of posted code: ``display``, ``get_ipython`` and magics. Jailed child."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from itertools import count
from types import ModuleType
from typing import Any, NoReturn

from ...errors import OutputInvalid
from ...plotting.encode import is_encodable
from ...plotting.resolve import find_figure
from .figure_log import figure_log
from .notebook_syntax import IGNORED_CELL_MAGICS, IGNORED_MAGICS

_PLAIN_TYPES = (str, bytes, int, float, complex, list, tuple, dict, set, frozenset, type(None))
_numbers = count(1)


class DisplayHandle:
    """The handle of a displayed object, which ``update`` replaces."""

    def __init__(self, display_id: str) -> None:
        self.display_id = display_id
        self._shown: list[Any] = []

    def display(self, obj: Any, **_options: Any) -> None:
        self._shown = [obj]
        _show(obj)

    def update(self, obj: Any, **_options: Any) -> None:
        figure_log.displayed[:] = [one for one in figure_log.displayed if not _is_among(one, self._shown)]
        self.display(obj)


_handles: dict[str, DisplayHandle] = {}


def display(*objects: Any, raw: bool = False, display_id: Any = None, **_options: Any) -> DisplayHandle | None:
    """Record objects as the output of the code; print those that have only text."""
    objects = tuple(_Bundle(obj) if raw and isinstance(obj, Mapping) else obj for obj in objects)
    if display_id is None:
        for obj in objects:
            _show(obj)
        return None
    name = display_id if isinstance(display_id, str) else f"figserve-{next(_numbers)}"
    handle = _handles.setdefault(name, DisplayHandle(name))
    for obj in objects:
        handle.display(obj)
    return handle


def update_display(obj: Any, *, display_id: str, **_options: Any) -> None:
    """Replace a displayed object."""
    _handles.setdefault(display_id, DisplayHandle(display_id)).update(obj)


def clear_output(wait: bool = False) -> None:
    """Forget the displayed objects; what is printed stays."""
    figure_log.displayed.clear()
    figure_log.chosen = None


class SandboxShell:
    """The shell that ``get_ipython()`` returns to posted code: harmless magics are ignored, others are errors."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.user_ns = names
        self.config: dict[str, Any] = {}
        self.events = _Events()

    def run_line_magic(self, magic_name: str, line: str = "", _stack_depth: int = 1) -> Any:
        if magic_name == "time":
            return eval(line, self.user_ns) if _is_expression(line) else exec(line, self.user_ns)  # noqa: S307, S102
        if magic_name == "pylab":
            return exec("from pylab import *", self.user_ns)  # noqa: S102
        if magic_name not in IGNORED_MAGICS:
            _refuse(f"the magic %{magic_name}")
        return None

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> None:
        if magic_name not in IGNORED_CELL_MAGICS:
            _refuse(f"the magic %%{magic_name}")
        exec(cell, self.user_ns)  # noqa: S102

    def magic(self, arg_s: str) -> Any:
        name, _, line = arg_s.lstrip("%").partition(" ")
        return self.run_line_magic(name, line)

    def system(self, cmd: str, *_args: Any, **_options: Any) -> Any:
        words = cmd.split()
        if words[:1] in (["pip"], ["pip3"], ["conda"], ["mamba"]):
            return None
        raise RuntimeError(
            f"The sandbox starts no programs, so that {cmd!r:.100} cannot run. Remove this line, or do its work in"
            " Python."
        )

    getoutput = system_piped = system_raw = system

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"The sandbox has no IPython shell; get_ipython().{name} is not available. Remove this call."
        )


class _Events:
    """Callbacks of a notebook's cells, which are never called here."""

    def register(self, event: str, function: Any) -> None: ...

    def unregister(self, event: str, function: Any) -> None: ...


class _Bundle:
    """A mimebundle that was displayed as such."""

    def __init__(self, bundle: Mapping[str, Any]) -> None:
        self._bundle = dict(bundle)

    def __repr__(self) -> str:
        return str(self._bundle.get("text/plain", ""))

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        return self._bundle


def install(names: dict[str, Any]) -> None:
    """Add the names that a notebook has, and prepare IPython's own functions for the case that they are imported."""
    shell = SandboxShell(names)
    names["display"] = display
    names["get_ipython"] = lambda: shell

    def get_ipython() -> SandboxShell | None:
        # Libraries ask for the shell to adapt to front ends, none of which is here.
        return shell if sys._getframe(1).f_globals is names else None

    displays = {"display": display, "update_display": update_display, "clear_output": clear_output}
    changes: dict[str, dict[str, Any]] = {
        "IPython": {"get_ipython": get_ipython},
        "IPython.core.getipython": {"get_ipython": get_ipython},
        "IPython.core.display_functions": displays,
        "IPython.display": displays,
        "matplotlib_inline.backend_inline": {
            name: lambda *_args, **_options: None for name in ("set_matplotlib_formats", "set_matplotlib_close")
        },
        # Plotly would open a browser.
        "plotly.io._renderers": {"show": lambda fig, *_args, **_options: display(fig)},
    }
    for name, replacements in changes.items():
        if name in sys.modules:
            vars(sys.modules[name]).update(replacements)
    sys.meta_path.insert(0, _Patcher({name: new for name, new in changes.items() if name not in sys.modules}))


class _Patcher(MetaPathFinder):
    """Replaces names of modules when they are imported."""

    def __init__(self, changes: dict[str, dict[str, Any]]) -> None:
        self._changes = changes

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        replacements = self._changes.pop(fullname, None)
        if replacements is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            _patch_after_loading(spec.loader, replacements)
        return spec


def _patch_after_loading(loader: Loader, replacements: dict[str, Any]) -> None:
    load: Callable[[ModuleType], None] = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        load(module)
        vars(module).update(replacements)

    loader.exec_module = exec_module  # type: ignore[method-assign]


def _show(obj: Any) -> None:
    """Record one displayed object."""
    try:
        found = find_figure(obj) if not isinstance(obj, _PLAIN_TYPES) else None
    except OutputInvalid:
        found = None
    if found is not None:
        figure_log.choose(found.figure)
    elif not isinstance(obj, _PLAIN_TYPES) and is_encodable(obj):
        figure_log.displayed.append(obj)
    else:
        print(repr(obj))


def _is_among(obj: Any, others: list[Any]) -> bool:
    return any(obj is other for other in others)


def _is_expression(line: str) -> bool:
    try:
        compile(line, "<magic>", "eval")
    except SyntaxError:
        return False
    return True


def _refuse(what: str) -> NoReturn:
    raise RuntimeError(f"The sandbox does not have {what}. Remove this line, or do its work in Python.")
