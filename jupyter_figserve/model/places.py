"""The place of a figure or a dashboard: the collection or the notebook that a request names. Any process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InvalidInput
from .texts import check_name, validate_single_line

MAX_NOTEBOOK_LENGTH = 1_000
DEFAULT_COLLECTION = "default"
"""The collection of what is published without a kernel, a notebook or a collection."""


_COLLABORATION = re.compile(r"(?:RTC:)+/?", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """The collection or the notebook that a request names; ``""`` for one that it does not name."""

    collection: str = ""
    notebook: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the one that is named; empty when neither is."""
        return {name: value for name, value in self.__dict__.items() if value}


NO_PLACE = Place()


def read_place(fields: Mapping[str, object]) -> Place:
    """Read ``collection`` or ``notebook``, the permanent place of a figure or a dashboard.

    Raises
    ------
    InvalidInput
        One is not valid, or both are given.
    """
    collection, notebook = fields.get("collection"), fields.get("notebook")
    if collection is not None and notebook is not None:
        raise InvalidInput("Give a collection or a notebook, not both.", code="two_places")
    return Place(
        "" if collection is None else check_collection(collection), "" if notebook is None else check_notebook(notebook)
    )


def check_collection(name: object) -> str:
    """Validate the name of a collection, which follows the rules of a figure's, and return it in NFC.

    Raises
    ------
    InvalidName
        It breaks the rules.
    """
    return check_name(name, "collection")


def strip_drive(path: str) -> str:
    """Return the path of a notebook without ``RTC:``, the drive under which jupyter_collaboration opens it."""
    return path[match.end() :] if (match := _COLLABORATION.match(path)) else path


def check_notebook(path: object) -> str:
    """Validate the path of a notebook below the server's root directory, and return it as the server writes it.

    Raises
    ------
    InvalidInput
        It is empty or too long, leaves the directory, or contains control characters.
    """
    text = strip_drive(validate_single_line(path, "notebook's path", MAX_NOTEBOOK_LENGTH)).strip("/")
    if "\\" in text or any(part in ("", ".", "..") for part in text.split("/")):
        raise InvalidInput(
            f"{path!r:.60} is not the path of a notebook. Give it relative to the server's root directory, such as"
            ' "reports/sales.ipynb".',
            code="invalid_notebook",
        )
    return text
