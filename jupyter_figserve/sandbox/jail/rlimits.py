"""Resource limits and privileges of a process. Zygote and jailed child.

Manual pages: getrlimit(2), capabilities(7), prctl(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import resource
import signal

from .syscalls import call, prctl

MAX_OPEN_FILES = 64
MAX_THREADS = 16
STACK_BYTES = 16 * 2**20
# linux/prctl.h
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_SECUREBITS = 1, 4, 24, 28
_PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN = 38, 65, 1
# NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE of linux/securebits.h, each locked.
_SECBITS = 0b11_00_11_11
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITY_COUNT = 64


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def limit_resources(*, memory: int, seconds: int, file_bytes: int, threads: int | None) -> None:
    """Set limits that only root could raise again.

    Parameters
    ----------
    memory
        Bytes of address space, including the libraries; without fork and memfd a child can use no more memory.
    seconds
        Processor time, in addition to the deadline that the parent enforces.
    file_bytes
        Maximum size of a file.
    threads
        Maximum number of threads; None where the kernel would count all processes of the user.
    """
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_STACK: STACK_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 64,
    }
    if threads is not None:
        limits[resource.RLIMIT_NPROC] = threads
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))


def set_parent_death_signal() -> None:
    """Let the kernel kill this process when its parent dies; to be called after a change of user, which resets it."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def set_not_dumpable() -> None:
    """Deny other processes of the user access to the memory of this one, and write no core file."""
    prctl(_PR_SET_DUMPABLE, 0)


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
