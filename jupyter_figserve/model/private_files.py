"""Files with secrets, which only their owner may be able to read. Any process.

Where files have no owners and modes of POSIX, as on Windows, nothing is checked: the home directory protects them.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import InvalidInput


def check_private(descriptor: int, path: Path, what: str) -> None:
    """Check that no other user can read an open file; a pipe is private anyway.

    Parameters
    ----------
    what
        The secret, for the message, such as "key".

    Raises
    ------
    InvalidInput
        With the code ``open_key``, when others can.
    """
    found = os.fstat(descriptor)
    if has_modes() and stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077:
        raise InvalidInput(
            f"Other users can read the {what} in {str(path)!r}. Restrict it with: chmod 600 {path}", code="open_key"
        )


def is_own(found: os.stat_result) -> bool:
    """Whether a file belongs to the user of this process."""
    return not has_modes() or found.st_uid == os.getuid()


def has_modes() -> bool:
    """Whether the modes of files say who may read them."""
    return hasattr(os, "getuid")
