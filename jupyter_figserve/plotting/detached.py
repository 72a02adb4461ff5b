"""A detached live function: the function, its signature and drawing state, ready to pickle. Kernel and jailed child."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .drawing_state import DrawingState
from .signatures import Signature


class DetachedFunction:
    """A picklable function that is called with JSON values, and calls the live function as its kernel would.

    Parameters
    ----------
    state
        The state that the kernel draws its figures in; the caller establishes it.
    """

    def __init__(self, function: Callable[..., Any], signature: Signature, state: DrawingState) -> None:
        self.__wrapped__ = function
        self.signature = signature
        self.state = state

    def __call__(self, **values: Any) -> Any:
        """Call the function.

        Raises
        ------
        InvalidInput
            The parameters do not allow the values.
        """
        parameters = self.signature.parameters
        arguments = self.signature.to_python(parameters.complete(parameters.check(values)))
        return self.__wrapped__(**arguments)
