"""Landlock: readable files and one writable directory, regardless of mounts, owners and modes. Jailed child.

Manual page: landlock(7). It needs no privileges.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

from .syscalls import call

_LANDLOCK_CREATE_RULESET_VERSION = 1
_LANDLOCK_RULE_PATH_BENEATH = 1

_ACCESS_FS_EXECUTE, _ACCESS_FS_WRITE_FILE, _ACCESS_FS_READ_FILE, _ACCESS_FS_READ_DIR = 1, 2, 4, 8
_ACCESS_FS_TRUNCATE = 1 << 14
# Drawing needs no devices, sockets or fifos: MAKE_CHAR, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK.
_ACCESS_FS_MAKE_SPECIAL = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11
_FILES_ONLY = _ACCESS_FS_WRITE_FILE | _ACCESS_FS_READ_FILE | _ACCESS_FS_TRUNCATE
# File rights by version of the interface: 13 rights, then REFER, TRUNCATE, and from version 5 IOCTL_DEV.
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}
_ALL_FILE_RIGHTS = 0xFFFF
_ACCESS_NET_BIND_AND_CONNECT_TCP = 3
_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 3


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr."""

    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    """struct landlock_path_beneath_attr, which is packed."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def find_version() -> int:
    """Return the version of the interface, 0 if the kernel does not offer it."""
    try:
        return call("landlock_create_ruleset", None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
    except OSError:
        return 0


def restrict(version: int, readable: Iterable[str], writable: Iterable[str]) -> None:
    """Deny this process all files but these paths, all TCP ports, abstract sockets and signals, irrevocably.

    Rights that the version lacks (ports before 4, sockets and signals before 6) are denied by seccomp alone.
    Requires no_new_privs. Missing paths are skipped.
    """
    files = _FILE_RIGHTS.get(version, _ALL_FILE_RIGHTS)
    network = _ACCESS_NET_BIND_AND_CONNECT_TCP if version >= 4 else 0
    scoped = _SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = call("landlock_create_ruleset", ctypes.byref(_Ruleset(files, network, scoped)), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, _ACCESS_FS_READ_FILE | _ACCESS_FS_READ_DIR)
        for path in writable:
            _allow(ruleset, path, files & ~_ACCESS_FS_EXECUTE & ~_ACCESS_FS_MAKE_SPECIAL)
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
        call("landlock_add_rule", ruleset, _LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
