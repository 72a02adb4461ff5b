"""A live figure and its pictures as frozen values. Any process; knows no store and no HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidInput
from .figures import Identity, check_name
from .parameters import SIZES, Parameters

_TEXTS = ("description", "digest", "revision")
_MAX_TEXT = 1_000
_MAX_PARAMETERS = 100
_MAX_WAIT = 600.0


@dataclass(frozen=True)
class LiveDeclaration:
    """What a kernel says of one live figure.

    Parameters
    ----------
    sizes
        Which of width, height and dpi are ours to set: those that the function has no parameter for.
    cache, timeout
        Seconds.
    version
        Of the data, where it is a value; None where the kernel must be asked, or there is none.
    digest
        Of the function's code: the same in another kernel.
    revision
        Of this very declaration: running its cell again makes another.
    """

    name: str
    parameters: Parameters = field(default_factory=Parameters)
    description: str = ""
    sizes: tuple[str, ...] = SIZES
    cache: float = 0.0
    timeout: float = 20.0
    version: str | None = None
    is_versioned: bool = False
    digest: str = ""
    revision: str = ""

    @property
    def heading(self) -> str:
        return self.name.replace("_", " ")

    def as_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        return {**self.__dict__, "parameters": self.parameters.as_json(), "sizes": list(self.sizes)}

    @classmethod
    def from_json(cls, row: Any) -> LiveDeclaration:
        """What a kernel sent, which may be anything.

        Raises
        ------
        InvalidInput
            When it is no declaration.
        """
        try:
            parameters = Parameters.from_json(row["parameters"])
            texts = {name: str(row[name])[:_MAX_TEXT] for name in _TEXTS}
            sizes = tuple(name for name in SIZES if name in row["sizes"])
            version = None if row["version"] is None else str(row["version"])[:_MAX_TEXT]
            cache, timeout = float(row["cache"]), min(float(row["timeout"]), _MAX_WAIT)
            name, is_versioned = check_name(row["name"]), bool(row["is_versioned"])
        except (TypeError, KeyError, ValueError) as error:
            raise InvalidInput("This is no declaration of a live figure.") from error
        if "." in name:
            raise InvalidInput(f"{name!r} has a dot, after which an address has the format; name it without.")
        if len(parameters.items) > _MAX_PARAMETERS or not (cache >= 0 and timeout > 0):
            raise InvalidInput("This is no declaration of a live figure.")
        return cls(name, parameters, sizes=sizes, cache=cache, timeout=timeout, version=version,
                   is_versioned=is_versioned, **texts)  # fmt: skip


@dataclass(frozen=True)
class LiveFigureRecord:
    """A live figure as the catalog keeps it: the same for every kernel of its notebook."""

    id: str
    identity: Identity
    declaration: LiveDeclaration
    created: float
    updated: float

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def owner(self) -> str:
        return self.identity.owner


DENSITIES = (1, 2)
"""Of pictures: the usual one, and that of dense screens."""


@dataclass(frozen=True)
class LiveRequest:
    """One picture of a live figure, by what determines it.

    Parameters
    ----------
    arguments
        JSON values of all parameters.
    density
        Pixels of the picture for one of its usual size, in each direction: 2 for dense screens. What cannot be drawn
        so, comes as usual.
    """

    arguments: Mapping[str, Any]
    format: str
    width: int | None = None
    height: int | None = None
    dpi: int | None = None
    density: int = 1

    @property
    def key(self) -> str:
        """The same for requests that mean the same."""
        means = [self.arguments, self.format, self.width, self.height, self.dpi]
        text = json.dumps(means + ([] if self.density == 1 else [self.density]), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40]
