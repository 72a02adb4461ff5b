"""The secrets that sign URLs and derive the tokens of links, newest first. Server process."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "FIGSERVE_SIGNING_SECRET"
"""Environment variable with the secrets, separated by commas, where several processes serve."""
FILE = "signing.keys"
MIN_LENGTH = 32
"""Shorter secrets may be guessed from a signed URL."""


def read_secrets(directory: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the signing secrets, newest first: those of the environment, else those of the data directory.

    The first call creates one in the data directory. When the directory is not writable, return a secret that is valid
    until this process ends.
    """
    given = [part.strip() for part in environment.get(VARIABLE, "").split(",")]
    return [part for part in given if part] or _read_file(directory / FILE)


def _read_file(path: Path) -> list[str]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        pass
    except OSError:
        return [secrets.token_hex(32)]
    else:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
    return path.read_text().split() or [secrets.token_hex(32)]
