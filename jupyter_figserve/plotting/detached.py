"""A detached live function: the function, its signature and its rcParams, ready to pickle. Kernel and jailed child."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from .signatures import Signature

_NOT_STYLE = ("backend", "interactive", "toolbar", "timezone", "webagg.", "figure.hooks", "savefig.directory")
"""rcParams that concern the environment and not the image."""


class DetachedFunction:
    """A picklable function that is called with JSON values, and calls the live function as its kernel would.

    Parameters
    ----------
    rcparams
        rcParams of the kernel that differ from matplotlib's defaults.
    """

    def __init__(self, function: Callable[..., Any], signature: Signature, rcparams: Mapping[str, Any]) -> None:
        self.__wrapped__ = function
        self.signature = signature
        self.rcparams = dict(rcparams)

    def __call__(self, **values: Any) -> Any:
        """Call the function.

        Raises
        ------
        InvalidInput
            The parameters do not allow the values.
        """
        parameters = self.signature.parameters
        arguments = self.signature.to_python(parameters.complete(parameters.check(values)))
        if self.rcparams:
            import matplotlib

            params: dict[str, Any] = matplotlib.rcParams  # type: ignore[assignment]
            # Parameters that this version of matplotlib does not know are skipped.
            params.update({name: value for name, value in self.rcparams.items() if name in params})
        return self.__wrapped__(**arguments)


def changed_rcparams() -> dict[str, Any]:
    """Return the rcParams that were changed in this process, if it has loaded matplotlib."""
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is None:
        return {}
    default = matplotlib.rcParamsDefault
    # dict.get, because looking up "backend" would load one.
    now = {name: dict.get(matplotlib.rcParams, name) for name in matplotlib.rcParams}
    changed = {name: value for name, value in now.items() if dict.get(default, name) != value}
    return {name: value for name, value in changed.items() if not name.startswith(_NOT_STYLE)}
