"""Checks of what ``@figserve.live`` decorates, before it is announced to the server. Kernel.

The server refuses an announcement as a whole, so that one wrong function must not get into it.
"""

from __future__ import annotations

import inspect

from ...errors import InvalidInput
from ...model.live import MAX_PARAMETERS
from ...model.parameter import Parameter
from ...model.parameters import Parameters
from ...model.texts import check_name, is_unicode
from ..arguments import describe_type


def check_function(function: object) -> None:
    """Raise ``InvalidInput`` for what cannot be called for a figure: other values, classes and coroutines."""
    if not callable(function) or isinstance(function, type):
        what = f"the class {function.__name__}" if isinstance(function, type) else describe_type(function)
        raise InvalidInput(
            f"figserve.live needs a function that draws a figure, not {what}. Write @figserve.live above its def;"
            ' options have names, as in @figserve.live(cache="30s").'
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        name = getattr(function, "__name__", "This")
        raise InvalidInput(
            f"{name} is an async function, but live figures are called outside of the notebook's event loop. Use def,"
            " and asyncio.run() for what it awaits."
        )


def check_live_name(name: object, function: object) -> str:
    """Return the name of a live figure, which is its function's where none is given.

    Raises
    ------
    InvalidInput
        It cannot be a name, or the function has none.
    """
    own = getattr(function, "__name__", "<lambda>")
    if name is None and own == "<lambda>":
        raise InvalidInput('This function has no name. Give one: figserve.live(name="animal")(function).')
    checked = check_name(own if name is None else name)
    if "." in checked:
        raise InvalidInput(
            f"The name {checked!r} contains a dot, which separates the format in URLs. Use another name."
        )
    return checked


def check_parameters(parameters: Parameters) -> None:
    """Raise ``InvalidInput`` for parameters that the server would refuse."""
    if len(parameters.items) > MAX_PARAMETERS:
        raise InvalidInput(f"A live figure can have {MAX_PARAMETERS} parameters, not {len(parameters.items):,}.")
    for item in parameters.items:
        if not (item.is_well_formed and (item.step is None or item.step > 0) and _is_unicode(item)):
            raise InvalidInput(
                f"The parameter {item.name} cannot be announced: its bounds and step must be finite numbers, the step"
                " more than 0, and its choices text or numbers."
            )


def _is_unicode(item: Parameter) -> bool:
    defaults = item.default if isinstance(item.default, list | tuple) else [item.default]
    return all(is_unicode(text) for text in (*item.choices, *item.values, *defaults) if isinstance(text, str))
