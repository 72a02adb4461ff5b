"""Privileges of a process, given up for good. Zygote and jailed child.

Manual pages: capabilities(7), prctl(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import signal

from .syscalls import call, prctl

# linux/prctl.h
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_SECUREBITS = 1, 4, 24, 28
_PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN = 38, 65, 1
# NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE of linux/securebits.h, each locked.
_SECBITS = 0b11_00_11_11
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITY_COUNT = 64


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def set_parent_death_signal() -> None:
    """Let the kernel kill this process when its parent dies; to be called after a change of user, which resets it."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def set_not_dumpable() -> None:
    """Deny other processes of the user access to the memory of this one, and write no core file."""
    prctl(_PR_SET_DUMPABLE, 0)


def set_dumpable() -> None:
    """Give this process its own files in /proc again, as it needs them to map users."""
    prctl(_PR_SET_DUMPABLE, 1)


def set_no_new_privs() -> None:
    """Set no_new_privs, which disables setuid programs; Landlock and seccomp require it."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Drop all capabilities from every set; root without capabilities has no privileges."""
    for capability in range(_CAPABILITY_COUNT):
        # Fails for unknown capabilities, or without CAP_SETPCAP; capset below and no_new_privs still apply.
        with contextlib.suppress(OSError):
            prctl(_PR_CAPBSET_DROP, capability)
    with contextlib.suppress(OSError):
        prctl(_PR_SET_SECUREBITS, _SECBITS)
    sets = (ctypes.c_uint32 * 6)()
    call("capset", ctypes.byref(_CapabilityHeader(_LINUX_CAPABILITY_VERSION_3, 0)), ctypes.byref(sets))


def deny_write_execute() -> None:
    """Deny memory that is writable and executable, so that generated machine code does not run. Linux 6.3."""
    with contextlib.suppress(OSError):
        prctl(_PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN)
