"""Flags of ``os.open``, 0 on systems that do not have them. Any process.

Windows has none of those of POSIX; in return its files are opened as text unless one says otherwise.
"""

from __future__ import annotations

import os

NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
NOCTTY: int = getattr(os, "O_NOCTTY", 0)
DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
"""Only where directories can be opened, as files are."""
TMPFILE: int = getattr(os, "O_TMPFILE", 0)
BINARY: int = getattr(os, "O_BINARY", 0)

PRIVATE_FILE: int = os.O_RDWR | os.O_CREAT | NOFOLLOW | BINARY
"""A file of this user that is created where it is missing."""
NEW_FILE: int = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | BINARY
"""A file that must not exist."""
READ_FILE: int = os.O_RDONLY | NOFOLLOW | BINARY
