"""The combinations of parameter values that are drawn in advance. Kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...errors import InvalidInput

MAX_COMBINATIONS = 500


def combine(
    values: Mapping[str, Iterable[Any]], fixed: Mapping[str, Any], check: Callable[[dict[str, Any]], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return each combination of these values as JSON values, with the fixed ones.

    Parameters
    ----------
    values
        For each parameter, a list of its values.
    fixed
        JSON values of other parameters.
    check
        Validates values by name, and returns their JSON values.

    Raises
    ------
    InvalidInput
        A value is not valid, or there are more than 500 combinations.
    """
    found: list[dict[str, Any]] = [dict(fixed)]
    for name, several in values.items():
        if isinstance(several, str) or not isinstance(several, Iterable):
            raise InvalidInput(f"The values of {name} to freeze must be a list.")
        checked = [check({name: value}) for value in several]
        found = [row | value for value in checked for row in found]
        if len(found) > MAX_COMBINATIONS:
            raise InvalidInput(
                f"There are {len(found):,} combinations, and the limit is {MAX_COMBINATIONS}. Freeze fewer values."
            )
    return found
