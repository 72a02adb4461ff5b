"""The key that a server and its render workers share. Server process, and a worker's."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from ...errors import InvalidInput
from ...model.environment_variables import WORKER_KEY_VARIABLE
from ...model.private_files import check_private

MIN_LENGTH = 32
_MAX_BYTES = 4_096


def read_keys(file: str = "") -> tuple[str, ...]:
    """Return the keys of the file, else those of the environment; a server sends the first, a worker accepts each.

    Raises
    ------
    InvalidInput
        A key may be guessed, or other users can read the file.
    OSError
        The file cannot be read.
    """
    text = _read_file(Path(file)) if file else os.environ.get(WORKER_KEY_VARIABLE, "")
    keys = tuple(text.replace(",", " ").split())
    where = f"in {file}" if file else f"in {WORKER_KEY_VARIABLE}"
    for key in keys:
        if len(key) < MIN_LENGTH or not (key.isascii() and key.isprintable()):
            raise InvalidInput(
                f"A worker key {where} has fewer than {MIN_LENGTH} characters, or some outside of ASCII. Make one with:"
                " openssl rand -hex 32",
                code="weak_key",
            )
    if file and not keys:
        raise InvalidInput(f"{file} has no worker key. Make one with: openssl rand -hex 32", code="weak_key")
    return keys


def is_known(given: str, keys: Sequence[str]) -> bool:
    """Compare a key with all known ones, in constant time."""
    found = [secrets.compare_digest(given.encode(), key.encode()) for key in keys]
    return any(found)


def _read_file(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        check_private(file.fileno(), path, "worker key")
        return file.read(_MAX_BYTES)
