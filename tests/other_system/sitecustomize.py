"""Hides from this package what Windows does not have, in every Python that starts with this directory in its path.

With ``OTHER_SYSTEM=darwin`` in the environment, what macOS does not have. Other packages see the real system: they have
been tested there by others.
"""

from __future__ import annotations

import builtins
import os
import select
import signal
import socket
import subprocess
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

_PACKAGE = "jupyter_figserve"
_MISSING = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
_OS_NAMES = {
    *("O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_PATH", "O_TMPFILE"),
    *("chown", "chroot", "fchdir", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid"),
    *("getresuid", "getsid", "getuid", "killpg", "lchown", "mkfifo", "nice", "openpty", "pidfd_open", "pread"),
    *("register_at_fork", "sched_getaffinity", "sendfile", "setgid", "setpgid", "setsid", "setuid", "statvfs"),
    *("sysconf", "uname", "wait3", "wait4", "waitid", "WNOHANG"),
}
_LINUX_OS_NAMES = {
    *("O_DIRECT", "O_PATH", "O_TMPFILE", "copy_file_range", "eventfd", "fdatasync", "getrandom", "getresuid"),
    *(
        "memfd_create",
        "pidfd_open",
        "pipe2",
        "posix_fadvise",
        "posix_fallocate",
        "sched_getaffinity",
        "setns",
        "splice",
    ),
    *("splice", "setresuid", "unshare"),
}
_SIGNAL_NAMES = {"SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "pidfd_send_signal", "pthread_sigmask", "alarm"}
_SOCKET_NAMES = {"AF_UNIX", "SO_REUSEPORT", "CMSG_LEN", "SCM_RIGHTS", "send_fds", "recv_fds"}


def _refuse(what: str) -> Any:
    raise NotImplementedError(f"{what} is unavailable on this platform")


def _without(function: Callable[..., Any], *arguments: str) -> Callable[..., Any]:
    """Return a function that refuses these arguments, as Windows does."""

    def call(*positional: Any, **named: Any) -> Any:
        for argument in arguments:
            if named.get(argument) not in (None, True):
                _refuse(argument)
        return function(*positional, **named)

    return call


def _open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    if dir_fd is not None:
        _refuse("dir_fd")
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    return os.open(path, flags, mode)


def _scandir(path: Any = ".") -> Any:
    if isinstance(path, int):
        raise TypeError("scandir: path should be string, bytes, os.PathLike or None, not int")
    return os.scandir(path)


def _rename(source: Any, target: Any) -> None:
    if os.path.lexists(target):
        raise FileExistsError(17, "File exists", target)
    os.rename(source, target)


def _kill(process: int, number: int) -> None:
    assert number != 0, "Ctrl-C for a process and its group"
    os.kill(process, number)


def _popen(*arguments: Any, pass_fds: tuple[int, ...] = (), preexec_fn: Any = None, **named: Any) -> Any:
    if pass_fds or preexec_fn is not None:
        raise ValueError("pass_fds and preexec_fn are not supported on this platform")
    named.pop("creationflags", None)
    return subprocess.Popen(*arguments, **named)


class _Partial:
    """A module without some of its names, and with other values of some."""

    def __init__(self, module: types.ModuleType, hidden: set[str], replaced: Mapping[str, Any]) -> None:
        self.__dict__["_state"] = module, hidden, replaced

    def __getattr__(self, name: str) -> Any:
        module, hidden, replaced = self.__dict__["_state"]
        if name in hidden:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        return replaced[name] if name in replaced else getattr(module, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["_state"][0], name, value)


_WINDOWS = {
    "os": _Partial(
        os,
        _OS_NAMES,
        {
            "name": "nt",
            "open": _open,
            "scandir": _scandir,
            "rename": _rename,
            "kill": _kill,
            "stat": _without(os.stat, "dir_fd"),
            "link": _without(os.link, "src_dir_fd", "dst_dir_fd"),
            "unlink": _without(os.unlink, "dir_fd"),
            "utime": _without(os.utime, "dir_fd", "follow_symlinks"),
            "chmod": _without(os.chmod, "dir_fd", "follow_symlinks"),
            "supports_dir_fd": set(),
            "supports_fd": set(),
            "supports_follow_symlinks": {os.stat},
        },
    ),
    "signal": _Partial(signal, _SIGNAL_NAMES, {}),
    "socket": _Partial(socket, _SOCKET_NAMES, {}),
    "subprocess": _Partial(subprocess, set(), {"Popen": _popen, "CREATE_NEW_PROCESS_GROUP": 512}),
    "sys": _Partial(sys, set(), {"platform": "win32"}),
}
_MACOS = {
    "os": _Partial(os, _LINUX_OS_NAMES, {}),
    "signal": _Partial(signal, {"pidfd_send_signal"}, {}),
    "socket": _Partial(socket, {"SO_PEERCRED", "AF_NETLINK", "SOCK_CLOEXEC", "SOCK_NONBLOCK"}, {}),
    "select": _Partial(select, {"epoll"}, {}),
    "sys": _Partial(sys, set(), {"platform": "darwin"}),
}
_IS_MACOS = os.environ.get("OTHER_SYSTEM") == "darwin"
_PARTIAL = _MACOS if _IS_MACOS else _WINDOWS
_import = builtins.__import__


def _import_here(
    name: str,
    globals: Mapping[str, Any] | None = None,
    locals: Mapping[str, Any] | None = None,
    fromlist: Any = (),
    level: int = 0,
) -> Any:
    importer = str((globals or {}).get("__name__", ""))
    if level or importer.partition(".")[0] != _PACKAGE:
        return _import(name, globals, locals, fromlist, level)
    if name in _MISSING and not _IS_MACOS:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = _import(name, globals, locals, fromlist, level)
    return _PARTIAL.get(name, module)


builtins.__import__ = _import_here
