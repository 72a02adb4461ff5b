"""The system calls that posted code may make: a seccomp filter as a BPF program, built here. Sandbox, child side.

Manual pages: seccomp(2), bpf(4); ``Documentation/userspace-api/seccomp_filter.rst`` of the kernel's source.
The filter is an allowlist: what it does not name answers EPERM, which Python shows as PermissionError.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from .syscalls import architecture, call

# What CPython, numpy, matplotlib and Pillow use when they compute, read fonts and modules, and write into scratch.
# Left out on purpose: every way to make processes, sockets, memory files and namespaces; to change owners, modes,
# times and attributes of files, and their length by path, of which Landlock knows from version 3 on alone; to signal
# or look into other processes; and all newer interfaces.
ALLOWED = """
read write readv writev pread64 pwrite64 lseek close dup dup2 dup3 pipe pipe2
open openat stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents64 getcwd
chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 umask ftruncate fallocate
fsync fdatasync fadvise64
mmap munmap mprotect mremap madvise brk membarrier
futex get_robust_list set_robust_list rseq sched_yield sched_getaffinity exit exit_group restart_syscall
rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack alarm setitimer getitimer
poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2
clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times
getpid gettid getppid getpgrp getuid geteuid getgid getegid getgroups getrusage getrlimit
uname sysinfo getrandom
""".split()

# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: nothing that locks, signals or resizes pipes.
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: what Python asks of any file that it opens.
_IOCTL_COMMANDS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_CLONE_THREAD = 0x10000 | 0x100
"""CLONE_THREAD and CLONE_VM: a thread of this process."""
_CLONE_NEW_ANYTHING = 0x7E020080
"""All CLONE_NEW* flags."""

# struct seccomp_data: the call's number, the architecture, the instruction pointer, six arguments of 64 bits.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_EPERM, _ENOSYS = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
_X32_BIT = 0x40000000

_SECCOMP_SET_MODE_FILTER = 1


def build_filter(own_pid: int | None) -> bytes:
    """The program, as an array of ``struct sock_filter``.

    Parameters
    ----------
    own_pid
        The process whose threads may be signalled, as abort(3) does; 1 in a pid namespace of its own. None for
        nobody: outside of one, the number would mean somebody else.
    """
    machine = architecture()
    number = machine.numbers
    program = [_step(_LOAD, _ARCHITECTURE), _step(_EQUAL, machine.audit, 1, 0), _step(_RETURN, _KILL)]
    program += [_step(_LOAD, _NUMBER)]
    # x32 calls carry the architecture of x86_64 and other numbers; aarch64 has none up there.
    program += [_step(_AT_LEAST, _X32_BIT, 0, 1), _step(_RETURN, _KILL)]
    for name in ALLOWED:
        if name in number:
            program += [_step(_EQUAL, number[name], 0, 1), _step(_RETURN, _ALLOW)]
    # glibc then falls back to clone, whose flags are in a register where a filter can see them.
    program += [_step(_EQUAL, number["clone3"], 0, 1), _step(_RETURN, _ENOSYS)]
    program += _when(number["clone"], _threads_only())
    program += _when(number["fcntl"], _argument_is_one_of(1, _FCNTL_COMMANDS))
    program += _when(number["ioctl"], _argument_is_one_of(1, _IOCTL_COMMANDS))
    program += _when(number["prlimit64"], _argument_is_null(2))
    if own_pid is not None:
        program += _when(number["tgkill"], _argument_is_one_of(0, (own_pid,)))
    program += [_step(_RETURN, _EPERM)]
    return b"".join(program)


def load_filter(program: bytes) -> None:
    """Hold this process and all its future threads to the filter; there is no way back. Wants no_new_privs.

    Raises
    ------
    OSError
        When the kernel, or a filter around us, does not allow it.
    """
    instructions = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(program) // 8, ctypes.addressof(instructions))
    call("seccomp", _SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(header))


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def _step(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction; a jump skips so many of the following ones."""
    return struct.pack("HBBI", code, if_true, if_false, operand)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """``body``, which returns in the end, for this call alone."""
    return [_step(_EQUAL, number, 0, len(body)), *body]


def _argument_is_one_of(place: int, values: tuple[int, ...]) -> list[bytes]:
    """The kernel reads these arguments as 32 bits, so their upper halves say nothing."""
    body = [_step(_LOAD, _ARGUMENTS + 8 * place)]
    for value in values:
        body += [_step(_EQUAL, value, 0, 1), _step(_RETURN, _ALLOW)]
    return [*body, _step(_RETURN, _EPERM)]


def _argument_is_null(place: int) -> list[bytes]:
    """Both halves of a pointer: limits may be read, not set."""
    low, high = _ARGUMENTS + 8 * place, _ARGUMENTS + 8 * place + 4
    return [
        *(_step(_LOAD, low), _step(_EQUAL, 0, 0, 3)),
        *(_step(_LOAD, high), _step(_EQUAL, 0, 0, 1)),
        *(_step(_RETURN, _ALLOW), _step(_RETURN, _EPERM)),
    ]


def _threads_only() -> list[bytes]:
    """clone(2) for a thread, without a namespace; fork and vfork come here too, and fail."""
    return [
        _step(_LOAD, _ARGUMENTS),
        _step(_ANY_BIT, _CLONE_NEW_ANYTHING, 3, 0),
        _step(_AND, _CLONE_THREAD),
        _step(_EQUAL, _CLONE_THREAD, 0, 1),
        _step(_RETURN, _ALLOW),
        _step(_RETURN, _EPERM),
    ]
