"""Substitutes for functions of the standard library that the jail denies. Zygote and jailed child."""

from __future__ import annotations

import functools
import os
import shutil
import socket
from typing import Any


def install() -> None:
    """Replace ``socketpair``, and the copying of file modes and times; called once, in the zygote."""
    # The jail denies chmod and utime, so that copies of files keep their default modes and times.
    copying: Any = shutil
    copying.copymode = copying.copystat = lambda *_args, **_kwargs: None
    sockets: Any = socket
    sockets.socketpair = _wrap_socketpair(socket.socketpair)


class _PipeEnd:
    """The part of a socket that an event loop uses to wake itself, on a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def setblocking(self, flag: bool) -> None:
        os.set_blocking(self._descriptor, flag)

    def recv(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def send(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        os.close(self._descriptor)


def _wrap_socketpair(socketpair: Any) -> Any:
    """Wrap ``socketpair``: the jail denies sockets, and asyncio can wake its loop by a pipe."""

    @functools.wraps(socketpair)
    def pair(*args: Any, **options: Any) -> Any:
        try:
            return socketpair(*args, **options)
        except PermissionError:
            if args or options:
                raise
            reading, writing = os.pipe()
            return _PipeEnd(reading), _PipeEnd(writing)

    return pair
