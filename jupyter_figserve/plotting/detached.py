"""A live function on its way out of its kernel: itself, its parameters, how its figures look. Kernel and sandbox."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from .signatures import Signature

_NOT_LOOKS = ("backend", "interactive", "toolbar", "timezone", "webagg.", "figure.hooks", "savefig.directory")
"""rcParams that belong to the place and not to the picture."""


class DetachedFunction:
    """What is pickled: called with JSON values, it calls the function as its kernel would.

    Parameters
    ----------
    looks
        rcParams in which its kernel differs from matplotlib's defaults.
    """

    def __init__(self, function: Callable[..., Any], signature: Signature, looks: Mapping[str, Any]) -> None:
        self.__wrapped__ = function
        self.signature = signature
        self.looks = dict(looks)

    def __call__(self, **values: Any) -> Any:
        """Raises
        ------
        InvalidInput
            For values that the parameters do not allow.
        """
        parameters = self.signature.parameters
        arguments = self.signature.to_python(parameters.complete(parameters.check(values)))
        if self.looks:
            import matplotlib

            params: dict[str, Any] = matplotlib.rcParams  # type: ignore[assignment]
            # One that this matplotlib does not know is no reason to draw nothing.
            params.update({name: value for name, value in self.looks.items() if name in params})
        return self.__wrapped__(**arguments)


def changed_rcparams() -> dict[str, Any]:
    """The rcParams that were changed in this process, where it has matplotlib."""
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is None:
        return {}
    usual = matplotlib.rcParamsDefault
    # Asked for by dict: "backend" would be resolved, which loads one.
    now = {name: dict.get(matplotlib.rcParams, name) for name in matplotlib.rcParams}
    changed = {name: value for name, value in now.items() if dict.get(usual, name) != value}
    return {name: value for name, value in changed.items() if not name.startswith(_NOT_LOOKS)}
