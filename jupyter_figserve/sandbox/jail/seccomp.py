"""Seccomp: an allowlist of system calls, as a BPF program that is assembled here. Zygote and jailed child.

Manual pages: seccomp(2), bpf(4); ``Documentation/userspace-api/seccomp_filter.rst`` of the kernel's source.
All other calls fail with EPERM, which Python raises as PermissionError.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from .syscalls import architecture, call

# Calls that CPython, NumPy, matplotlib and Pillow make to compute, to read fonts and modules, and to write files.
# Omitted on purpose: every way to create processes, sockets, memory files and namespaces; to change owners, modes,
# times and attributes of files, and to truncate them by path, which Landlock restricts from version 3 only; to signal
# or inspect other processes; and all newer interfaces.
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

# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: no command that locks, signals or resizes pipes.
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: used by Python for every file that it opens.
_IOCTL_COMMANDS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_TAKES_CLOCK = ("clock_gettime", "clock_getres", "clock_nanosleep")
_PROCESS_CLOCK = 0x80000000
"""Sign bit of a clock that measures the processor time of any process, by its pid: clock_getcpuclockid(3)."""
_CLONE_THREAD_FLAGS = 0x10000 | 0x100
"""CLONE_THREAD and CLONE_VM: a thread of the same process."""
_CLONE_NEW_FLAGS = 0x7E020080
"""All CLONE_NEW* flags."""

# struct seccomp_data: the call's number, the architecture, the instruction pointer, six arguments of 64 bits.
_OFFSET_NR, _OFFSET_ARCH, _OFFSET_ARGS = 0, 4, 16
_BPF_LD, _BPF_JEQ, _BPF_JGE, _BPF_JSET, _BPF_AND, _BPF_RET = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_RET_ALLOW, _RET_KILL_PROCESS = 0x7FFF0000, 0x80000000
_RET_EPERM, _RET_ENOSYS = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
_X32_SYSCALL_BIT = 0x40000000

_SECCOMP_SET_MODE_FILTER = 1


def build_filter(own_pid: int | None) -> bytes:
    """Return the filter as an array of ``struct sock_filter``.

    Parameters
    ----------
    own_pid
        Process whose threads may be signalled, as abort(3) does: 1 in a pid namespace. None forbids signals: without
        a pid namespace the number is not known when the filter is built. The processes of the host are visible then,
        so that calls which tell something about a process may name no other than the caller, as 0.
    """
    machine = architecture()
    number = machine.numbers
    program = [_step(_BPF_LD, _OFFSET_ARCH), _step(_BPF_JEQ, machine.audit, 1, 0), _step(_BPF_RET, _RET_KILL_PROCESS)]
    program += [_step(_BPF_LD, _OFFSET_NR)]
    # x32 calls have the architecture of x86_64 and other numbers; aarch64 has no such numbers.
    program += [_step(_BPF_JGE, _X32_SYSCALL_BIT, 0, 1), _step(_BPF_RET, _RET_KILL_PROCESS)]
    restricted = () if own_pid is not None else ("sched_getaffinity", *_TAKES_CLOCK)
    for name in ALLOWED:
        if name in number and name not in restricted:
            program += [_step(_BPF_JEQ, number[name], 0, 1), _step(_BPF_RET, _RET_ALLOW)]
    # On ENOSYS, glibc falls back to clone, whose flags are in a register that a filter can read.
    program += [_step(_BPF_JEQ, number["clone3"], 0, 1), _step(_BPF_RET, _RET_ENOSYS)]
    program += _when(number["clone"], _threads_only())
    program += _when(number["fcntl"], _argument_is_one_of(1, _FCNTL_COMMANDS))
    program += _when(number["ioctl"], _argument_is_one_of(1, _IOCTL_COMMANDS))
    if own_pid is not None:
        program += _when(number["prlimit64"], _argument_is_null(2))
        program += _when(number["tgkill"], _argument_is_one_of(0, (own_pid,)))
    else:
        program += _when(number["prlimit64"], [*_only_the_caller(), *_argument_is_null(2)])
        program += _when(number["sched_getaffinity"], [*_only_the_caller(), _step(_BPF_RET, _RET_ALLOW)])
        for name in _TAKES_CLOCK:
            program += _when(number[name], _common_clocks())
    program += [_step(_BPF_RET, _RET_EPERM)]
    return b"".join(program)


def load_filter(program: bytes) -> None:
    """Apply the filter to this process and its future threads, irrevocably. Requires no_new_privs.

    Raises
    ------
    OSError
        The kernel, or an outer filter, does not allow it.
    """
    instructions = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(program) // 8, ctypes.addressof(instructions))
    call("seccomp", _SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(header))


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def _step(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Return one instruction; a jump skips the given number of instructions."""
    return struct.pack("HBBI", code, if_true, if_false, operand)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """Return ``body``, which ends with a return, guarded by the call number."""
    return [_step(_BPF_JEQ, number, 0, len(body)), *body]


def _argument_is_one_of(index: int, values: tuple[int, ...]) -> list[bytes]:
    """Compare the lower 32 bits of an argument; the kernel ignores the upper half of these arguments."""
    body = [_step(_BPF_LD, _OFFSET_ARGS + 8 * index)]
    for value in values:
        body += [_step(_BPF_JEQ, value, 0, 1), _step(_BPF_RET, _RET_ALLOW)]
    return [*body, _step(_BPF_RET, _RET_EPERM)]


def _argument_is_null(index: int) -> list[bytes]:
    """Require a null pointer, both halves; for prlimit64: limits may be read, not set."""
    low, high = _OFFSET_ARGS + 8 * index, _OFFSET_ARGS + 8 * index + 4
    return [
        *(_step(_BPF_LD, low), _step(_BPF_JEQ, 0, 0, 3)),
        *(_step(_BPF_LD, high), _step(_BPF_JEQ, 0, 0, 1)),
        *(_step(_BPF_RET, _RET_ALLOW), _step(_BPF_RET, _RET_EPERM)),
    ]


def _only_the_caller() -> list[bytes]:
    """Require the pid 0, which is the caller, in the first argument; the kernel ignores its upper half."""
    return [_step(_BPF_LD, _OFFSET_ARGS), _step(_BPF_JEQ, 0, 1, 0), _step(_BPF_RET, _RET_EPERM)]


def _common_clocks() -> list[bytes]:
    """Require a clock that belongs to no other process."""
    return [
        *(_step(_BPF_LD, _OFFSET_ARGS), _step(_BPF_JSET, _PROCESS_CLOCK, 0, 1)),
        *(_step(_BPF_RET, _RET_EPERM), _step(_BPF_RET, _RET_ALLOW)),
    ]


def _threads_only() -> list[bytes]:
    """Allow clone(2) for threads without namespaces; fork and vfork use clone as well, and fail."""
    return [
        _step(_BPF_LD, _OFFSET_ARGS),
        _step(_BPF_JSET, _CLONE_NEW_FLAGS, 3, 0),
        _step(_BPF_AND, _CLONE_THREAD_FLAGS),
        _step(_BPF_JEQ, _CLONE_THREAD_FLAGS, 0, 1),
        _step(_BPF_RET, _RET_ALLOW),
        _step(_BPF_RET, _RET_EPERM),
    ]
