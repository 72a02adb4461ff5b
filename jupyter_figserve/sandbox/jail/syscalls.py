"""Linux system calls: their numbers on x86_64 and aarch64, and a way to make them. Zygote and jailed child.

Numbers: ``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h`` of the kernel's source.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...errors import SandboxUnavailable

# Name, x86_64, aarch64; "-" if the architecture has no such call.
_TABLE = """
read 0 63               write 1 64              open 2 -                close 3 57
stat 4 -                fstat 5 80              lstat 6 -               poll 7 -
lseek 8 62              mmap 9 222              mprotect 10 226         munmap 11 215
brk 12 214              rt_sigaction 13 134     rt_sigprocmask 14 135   rt_sigreturn 15 139
ioctl 16 29             pread64 17 67           pwrite64 18 68          readv 19 65
writev 20 66            access 21 -             pipe 22 -               select 23 -
sched_yield 24 124      mremap 25 216           madvise 28 233          dup 32 23
dup2 33 -               nanosleep 35 101        getitimer 36 102        alarm 37 -
setitimer 38 103        getpid 39 172           clone 56 220            exit 60 93
uname 63 160            fcntl 72 25             fsync 74 82             fdatasync 75 83
truncate 76 45          ftruncate 77 46         getcwd 79 17            chdir 80 49
fchdir 81 50            rename 82 -             mkdir 83 -              rmdir 84 -
unlink 87 -             readlink 89 -           umask 95 166            gettimeofday 96 169
getrlimit 97 163        getrusage 98 165        sysinfo 99 179          times 100 153
getuid 102 174          getgid 104 176          geteuid 107 175         getegid 108 177
getppid 110 173         getpgrp 111 -           getgroups 115 158       sigaltstack 131 132
pivot_root 155 41       prctl 157 167           mount 165 40            umount2 166 39
gettid 186 178          time 201 -              futex 202 98            sched_getaffinity 204 123
getdents64 217 61       restart_syscall 219 128 fadvise64 221 223       clock_gettime 228 113
clock_getres 229 114    clock_nanosleep 230 115 exit_group 231 94       epoll_wait 232 -
epoll_ctl 233 21        tgkill 234 131          openat 257 56           mkdirat 258 34
newfstatat 262 79       unlinkat 263 35         renameat 264 38         readlinkat 267 78
faccessat 269 48        pselect6 270 72         ppoll 271 73            unshare 272 97
set_robust_list 273 99  get_robust_list 274 100 epoll_pwait 281 22      fallocate 285 47
eventfd2 290 19         epoll_create1 291 20    dup3 292 24             pipe2 293 59
prlimit64 302 261       setns 308 268           renameat2 316 276       seccomp 317 277
sethostname 170 161     getrandom 318 278       membarrier 324 283      statx 332 291           rseq 334 293
capset 126 91           clone3 435 435          close_range 436 436     faccessat2 439 439
mount_setattr 442 442   landlock_create_ruleset 444 444                 landlock_add_rule 445 445
landlock_restrict_self 446 446
"""


@dataclass(frozen=True)
class Architecture:
    """A processor architecture.

    Parameters
    ----------
    audit
        ``AUDIT_ARCH_*`` of ``linux/audit.h``: the architecture that a filter sees.
    numbers
        Numbers of system calls by name.
    """

    name: str
    audit: int
    numbers: Mapping[str, int]


@lru_cache(maxsize=1)
def architecture() -> Architecture:
    """Return the architecture of this machine.

    Raises
    ------
    SandboxUnavailable
        The table does not contain it.
    """
    # Not platform.machine(), which remembers the name of the host with it.
    machine = os.uname().machine
    cells = _TABLE.split()
    columns = {"x86_64": (1, 0xC000003E), "aarch64": (2, 0xC00000B7)}
    if machine not in columns:
        raise SandboxUnavailable(f"seccomp: {machine} is not supported, only x86_64 and aarch64")
    column, audit = columns[machine]
    rows = (cells[i : i + 3] for i in range(0, len(cells), 3))
    return Architecture(machine, audit, {row[0]: int(row[column]) for row in rows if row[column] != "-"})


@lru_cache(maxsize=1)
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """Make a system call; None is a null pointer, bytes are passed as a C string.

    Raises
    ------
    OSError
        The call failed; the message contains its name.
    """
    converted = [_to_ctypes(argument) for argument in arguments]
    result: int = _libc().syscall(ctypes.c_long(architecture().numbers[name]), *converted)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def prctl(option: int, *arguments: int) -> int:
    """Call prctl(2); unused arguments are 0, as newer options require."""
    return call("prctl", option, *arguments, *([0] * (4 - len(arguments))))


def _to_ctypes(argument: Any) -> Any:
    if argument is None:
        return ctypes.c_void_p(None)
    if isinstance(argument, int):
        return ctypes.c_long(argument)
    return ctypes.c_char_p(argument) if isinstance(argument, bytes) else argument
