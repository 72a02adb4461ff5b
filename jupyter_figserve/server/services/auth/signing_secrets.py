"""The secrets that sign URLs and derive the tokens of links, newest first. Server process."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from ....model.environment_variables import SIGNING_VARIABLE
from ....model.open_flags import PRIVATE_FILE
from ....store.files.filesystem import fsync_directory

SIGNING_FILE = "signing.keys"
MIN_LENGTH = 32
"""Shorter secrets may be guessed from a signed URL."""


def read_secrets(directory: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the signing secrets, newest first: those of the environment, else those of the data directory.

    The first call creates one in the data directory. When the directory is not writable, return a secret that is valid
    until this process ends.
    """
    return read_given(environment) or _read_file(directory / SIGNING_FILE)


def read_given(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the signing secrets of the environment, newest first; an empty list where it has none."""
    given = [part.strip() for part in environment.get(SIGNING_VARIABLE, "").split(",")]
    return [part for part in given if part]


def derive_cookie_secret(environment: Mapping[str, str] = os.environ) -> bytes | None:
    """Return the secret of login cookies for all servers with the same signing secret in their environment.

    None where there is none: Jupyter then keeps a secret of its own in a file. A new signing secret ends all logins.
    """
    given = read_given(environment)
    return hmac.new(given[0].encode(), b"figserve cookies v1", hashlib.sha256).digest() if given else None


def _read_file(path: Path) -> list[str]:
    """Return the secrets in the file; the first process to read it writes one, while others wait for its lock."""
    from filelock import lock_descriptor

    secret = secrets.token_hex(32)
    try:
        with os.fdopen(os.open(path, PRIVATE_FILE, 0o600), "r+") as file:
            lock_descriptor(file.fileno())
            # Empty where a process was killed before it wrote, or the disk was full.
            found = file.read().split()
            if not found:
                file.write(secret + "\n")
                file.flush()
                os.fsync(file.fileno())
                fsync_directory(path.parent)
            return found or [secret]
    except OSError:
        return _read_only(path) or [secret]


def _read_only(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except OSError:
        return []
