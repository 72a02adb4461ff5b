"""Hides from this package what Windows does not have, in every Python that starts with this directory in its path.

With ``OTHER_SYSTEM=darwin`` in the environment, what macOS does not have. Other packages see the real system: they have
been tested there by others.
"""

from __future__ import annotations

import builtins
import ctypes
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Callable, Mapping
from typing import Any

_PACKAGE = "jupyter_figserve"
_MISSING = {"curses", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
_OS_NAMES = {
    *("O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_PATH", "O_TMPFILE"),
    *("chown", "chroot", "fchdir", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid"),
    *("getresuid", "getsid", "getuid", "killpg", "lchown", "mkfifo", "nice", "openpty", "pidfd_open", "pread"),
    *("PRIO_PROCESS", "register_at_fork", "sched_getaffinity", "sendfile", "set_blocking", "setgid", "setpgid"),
    *("setpriority", "setsid", "setuid", "ST_RDONLY", "statvfs", "sysconf", "uname", "wait3", "wait4", "waitid"),
    *("WNOHANG", "memfd_create", "pidfd_open", "pipe2", "posix_fadvise", "posix_fallocate", "splice", "unshare"),
}
_LINUX_OS_NAMES = {
    *("O_DIRECT", "O_PATH", "O_TMPFILE", "copy_file_range", "eventfd", "fdatasync", "getrandom", "getresuid"),
    *("memfd_create", "pidfd_open", "pipe2", "posix_fadvise", "posix_fallocate", "sched_getaffinity", "setns"),
    *("setresuid", "splice", "unshare"),
}
_SIGNAL_NAMES = {"SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "pidfd_send_signal", "pthread_sigmask", "alarm"}
_LINUX_SOCKET_NAMES = {
    *("AF_NETLINK", "AF_VSOCK", "MSG_NOSIGNAL", "SO_PEERCRED", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "TCP_CORK"),
    *("TCP_DEFER_ACCEPT", "TCP_QUICKACK", "TCP_USER_TIMEOUT"),
}
_SOCKET_NAMES = {
    *_LINUX_SOCKET_NAMES,
    *("AF_UNIX", "SO_REUSEPORT", "CMSG_LEN", "SCM_RIGHTS", "send_fds", "recv_fds", "TCP_NOTSENT_LOWAT"),
}
_TIME_NAMES = {"clock_gettime", "clock_gettime_ns", "clock_settime", "pthread_getcpuclockid", "tzset"}
_SELECT_NAMES = {"devpoll", "epoll", "kqueue", "poll"}


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


def _cdll(name: str | None, *arguments: Any, **named: Any) -> Any:
    if name is None:
        raise TypeError("bad argument type for built-in operation")
    return ctypes.CDLL(name, *arguments, **named)


class _PathType(type):
    """Stands for ``pathlib.Path``, on a system without ``/proc``."""

    def __call__(cls, *parts: Any) -> Any:
        if parts and str(parts[0]).startswith("/proc"):
            parts = (f"/no{parts[0]}", *parts[1:])
        return pathlib.Path(*parts)

    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, pathlib.Path)

    def __getattr__(cls, name: str) -> Any:
        return getattr(pathlib.Path, name)


class _Path(metaclass=_PathType):
    """The class of no object: calling it makes a path of ``pathlib``."""


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
    "ctypes": _Partial(ctypes, set(), {"CDLL": _cdll}),
    "pathlib": _Partial(pathlib, set(), {"Path": _Path}),
    "select": _Partial(select, _SELECT_NAMES, {}),
    "signal": _Partial(signal, _SIGNAL_NAMES, {}),
    "socket": _Partial(socket, _SOCKET_NAMES, {}),
    "time": _Partial(time, _TIME_NAMES, {}),
    "subprocess": _Partial(subprocess, set(), {"Popen": _popen, "CREATE_NEW_PROCESS_GROUP": 512}),
    "sys": _Partial(sys, set(), {"platform": "win32"}),
}
_MACOS = {
    "os": _Partial(os, _LINUX_OS_NAMES, {}),
    "pathlib": _Partial(pathlib, set(), {"Path": _Path}),
    "signal": _Partial(signal, {"pidfd_send_signal"}, {}),
    "socket": _Partial(socket, _LINUX_SOCKET_NAMES, {}),
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
