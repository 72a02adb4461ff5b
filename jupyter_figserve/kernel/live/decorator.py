"""``@figserve.live``: register a function with this kernel and the server. Kernel."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, overload

from ...errors import InvalidInput, NotConnected
from ...model.times import parse_duration
from ..agent.agent import flush_after_cell, start_agent
from ..arguments import check_switch
from .checks import check_function, check_live_name, check_parameters
from .control_channel import install_handler
from .live_figure import LiveFigure
from .registry import LiveFunction, live_functions

MIN_REFRESH = 1.0
"""Minimum of ``refresh``, in seconds; the server's own minimum is FigServe.min_live_refresh."""


@overload
def live(function: Callable[..., Any], /) -> LiveFigure: ...


@overload
def live(
    *,
    name: str | None = None,
    cache: str | float = "0s",
    timeout: str | float = "20s",
    data_version: Any = None,
    detach: bool = False,
    tight: bool = False,
    refresh: str | float | None = None,
) -> Callable[[Callable[..., Any]], LiveFigure]: ...


def live(
    function: Any = ...,
    /,
    *,
    name: str | None = None,
    cache: str | float = "0s",
    timeout: str | float = "20s",
    data_version: Any = None,
    detach: bool = False,
    tight: bool = False,
    refresh: str | float | None = None,
) -> Any:
    """Give a function a URL with its parameters as the query; each request calls it, even while a cell runs.

    A function may return data instead of a figure: dicts, lists, numbers, strings, NumPy arrays and pandas tables are
    served as JSON and CSV; ``figserve.Response`` adds an HTTP status.

    Parameters
    ----------
    function
        The function; its annotations and defaults are the parameters of the URL. Without it, options come first.
    name
        Identifies the live figure within the notebook; None is the function's name.
    cache
        How long a result may be reused, such as ``"30s"``; by default each request calls the function.
    timeout
        How long a viewer waits before getting the last good image, or an error if there is none.
    data_version
        A value, or a function without parameters, that changes with the data; an image of the same version is not
        rendered again, and open pages follow a new one. Not used without a kernel, when the data no longer changes.
    detach
        Also store the function on the server now, like ``detach()``, to run when there is no kernel.
    tight
        Crop or extend each image to its content, like ``bbox_inches="tight"``, so that nothing is cut off.
    refresh
        How often open pages refresh the image, such as ``"30s"``. With ``cache`` of the same length, all viewers
        together cost one call in that time.

    Returns
    -------
    LiveFigure
        The function, which can still be called, with ``url``, ``share`` and ``widget``. With options, a decorator.

    Raises
    ------
    InvalidInput
        A parameter has a type that no URL can carry, or an option is not valid.
    """
    options = {"cache": cache, "timeout": timeout, "data_version": data_version, "tight": tight, "refresh": refresh}
    declare = partial(_decorate, name=name, names=_caller_locals(), options=options, detach=detach)
    return declare if function is ... else declare(function)


def _decorate(
    function: Callable[..., Any], *, name: str | None, names: dict[str, Any], options: dict[str, Any], detach: bool
) -> LiveFigure:
    cache, refresh = options["cache"], options["refresh"]
    checked = {
        "cache": 0.0 if isinstance(cache, str | int | float) and cache in ("0s", 0, "0") else parse_duration(cache),
        "timeout": parse_duration(options["timeout"]),
        "tight": check_switch(options["tight"], "tight"),
        "refresh": None if refresh is None else _parse_refresh(refresh),
    }
    is_detached = check_switch(detach, "detach")
    figure = _declare(function, name, names, options | checked)
    if is_detached:
        _detach_if_connected(figure)
    return figure


def _declare(
    function: Callable[..., Any], name: str | None, names: dict[str, Any], options: dict[str, Any]
) -> LiveFigure:
    from ...plotting.return_form import find_declared_form
    from ...plotting.signatures import read_signature

    if isinstance(function, LiveFigure):
        function = function.live_function.function
    check_function(function)
    checked = check_live_name(name, function)
    signature, form = read_signature(function, names), find_declared_form(function, names)
    figure = LiveFigure(LiveFunction(checked, function, signature, form=form, **options))
    check_parameters(signature.parameters)
    _register(figure.live_function)
    return figure


def _register(function: LiveFunction) -> None:
    """Have this kernel answer calls, and announce the function to the server."""
    from ...plotting.isolation import install_mathtext_lock

    live_functions.register(function)
    install_mathtext_lock()
    install_handler()
    agent = start_agent()
    if agent is not None:
        agent.announce()
        flush_after_cell()


def _detach_if_connected(figure: LiveFigure) -> None:
    """Detach, or warn without a server: the notebook must also run without one."""
    try:
        figure.detach()
    except NotConnected as error:
        warnings.warn(f'"{figure.name}" is not detached: {error.message}', stacklevel=3)


def _parse_refresh(value: str | float) -> float:
    seconds = parse_duration(value)
    if seconds < MIN_REFRESH:
        raise InvalidInput(f"refresh={value!r:.40} is less than {MIN_REFRESH:g} second. Use a longer time.")
    return seconds


def _caller_locals() -> dict[str, Any]:
    """Return the caller's local variables, which annotations of a nested function may refer to."""
    return dict(sys._getframe(2).f_locals)
