"""What one process may use up, and the privileges that it gives away. Sandbox, child side.

Manual pages: getrlimit(2), capabilities(7), prctl(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import resource
import signal

from .syscalls import call, prctl

OPEN_FILES = 64
THREADS = 16
STACK_BYTES = 16 * 2**20
# linux/prctl.h
_SET_DEATH_SIGNAL, _SET_DUMPABLE, _DROP_BOUNDING, _SET_SECURE_BITS = 1, 4, 24, 28
_SET_NO_NEW_PRIVILEGES, _SET_MDWE, _REFUSE_EXEC_GAIN = 38, 65, 1
# NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE of linux/securebits.h, each locked.
_SECURE_BITS = 0b11_00_11_11
_CAPABILITY_VERSION = 0x20080522
_CAPABILITIES = 64


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def limit_resources(*, memory: int, seconds: int, file_bytes: int, threads: int | None) -> None:
    """Bounds that only root could raise again.

    Parameters
    ----------
    memory
        Bytes of address space, what the libraries take included: without fork and memfd, that is all it can use.
    seconds
        Of processor time: a belt beside the deadline, which is the parent's to hold.
    threads
        None where the kernel would count all of the user's processes.
    """
    bounds = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_STACK: STACK_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 64,
    }
    if threads is not None:
        bounds[resource.RLIMIT_NPROC] = threads
    for kind, value in bounds.items():
        _, hard = resource.getrlimit(kind)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))


def set_parent_death_signal() -> None:
    """No child outlives the zygote. Changing the user undoes it, so it comes after that."""
    prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def set_not_dumpable() -> None:
    """Not dumpable: no other process of this user reads its memory, and it leaves no core file."""
    prctl(_SET_DUMPABLE, 0)


def set_no_new_privs() -> None:
    """no_new_privs: programs with the setuid bit are as any other. Landlock and seccomp want it."""
    prctl(_SET_NO_NEW_PRIVILEGES, 1)


def drop_capabilities() -> None:
    """Give away every capability, in every set; root without any is nobody."""
    for capability in range(_CAPABILITIES):
        # Unknown numbers, and a set that one may not change: the sets below count, and no_new_privs holds.
        with contextlib.suppress(OSError):
            prctl(_DROP_BOUNDING, capability)
    with contextlib.suppress(OSError):
        prctl(_SET_SECURE_BITS, _SECURE_BITS)
    sets = (ctypes.c_uint32 * 6)()
    call("capset", ctypes.byref(_CapabilityHeader(_CAPABILITY_VERSION, 0)), ctypes.byref(sets))


def deny_write_execute() -> None:
    """No memory that is writable and executable: libraries load, machine code made here does not run. Linux 6.3."""
    with contextlib.suppress(OSError):
        prctl(_SET_MDWE, _REFUSE_EXEC_GAIN)
