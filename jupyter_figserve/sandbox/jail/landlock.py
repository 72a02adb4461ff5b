"""Files that may be read, and the one directory that may be written: a Landlock ruleset. Sandbox, child side.

Manual page: landlock(7). It holds whatever mounts, owners and modes say, and needs no privilege.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

from .syscalls import call

_CREATE_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIRECTORY = 1, 2, 4, 8
_TRUNCATE = 1 << 14
# Devices, sockets and fifos: nobody who draws needs to make one. MAKE_CHAR, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK.
_MAKE_SPECIAL = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11
_FILES_ONLY = _WRITE_FILE | _READ_FILE | _TRUNCATE
# What each version of the interface knows of files: 13 rights, then REFER, TRUNCATE, and from 5 on IOCTL_DEV.
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}
_ALL_FILE_RIGHTS = 0xFFFF
_BIND_AND_CONNECT_TCP = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr."""

    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    """struct landlock_path_beneath_attr, which is packed."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def find_version() -> int:
    """The version of the interface, 0 when the kernel has none or does not offer it."""
    try:
        return call("landlock_create_ruleset", None, 0, _CREATE_VERSION)
    except OSError:
        return 0


def restrict(version: int, readable: Iterable[str], writable: Iterable[str]) -> None:
    """Deny this process every file, TCP port, abstract socket and foreign process but these paths, for ever.

    What a kernel's version does not know (ports before 4, sockets and signals before 6) seccomp denies alone.
    Wants no_new_privs. Paths that are not there are passed over.
    """
    files = _FILE_RIGHTS.get(version, _ALL_FILE_RIGHTS)
    network = _BIND_AND_CONNECT_TCP if version >= 4 else 0
    scoped = _ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = call("landlock_create_ruleset", ctypes.byref(_Ruleset(files, network, scoped)), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READ_FILE | _READ_DIRECTORY)
        for path in writable:
            _allow(ruleset, path, files & ~_EXECUTE & ~_MAKE_SPECIAL)
        call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= _FILES_ONLY
        rule = _PathBeneath(rights, parent)
        call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
