"""File names for the entries of an archive, safe and distinct on every file system. Server process."""

from __future__ import annotations

import re
import unicodedata

from ....model.texts import is_device

_MAX_NAME_LENGTH, _MAX_NAME_BYTES = 80, 200
# Characters with a meaning to file systems, invisible ones, and those that change the direction of writing.
_UNSAFE = re.compile(r"[^\w .,;=@()&'+-]+")


class UniqueFilenames:
    """File names that stay distinct on every file system, regardless of case and Unicode normalization."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def add(self, text: str) -> str:
        """Return ``text`` as a safe segment of a path, numbered where the name is already used."""
        name, number = safe_name(text), 1
        while (key := _folded(name)) in self._used:
            number += 1
            name = safe_name(text, f"-{number}")
        self._used.add(key)
        return name


def safe_name(text: str, ending: str = "") -> str:
    """Return ``text`` as a path segment for Linux, macOS and Windows: not empty, no device, no separator, not "."."""
    name = _UNSAFE.sub("-", unicodedata.normalize("NFC", text))[: _MAX_NAME_LENGTH - len(ending)]
    name = name.encode()[: _MAX_NAME_BYTES - len(ending)].decode(errors="ignore").strip(" .")
    name = (name or "figure") + ending
    return f"_{name}" if is_device(name) else name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
