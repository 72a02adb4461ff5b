"""Finds the user's Jupyter servers on this machine by their runtime files. Kernel and command line."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import InvalidInput
from ...model.private_files import is_own
from .address import PREFIX, Address, parse_exact

_WILDCARDS = ("", "*", "0.0.0.0", "::", "[::]")  # noqa: S104 - compared with, never bound
_FILE = re.compile(r"jpserver-[0-9]+\.json")


@dataclass(frozen=True)
class RunningServer:
    """A server whose process is running.

    Parameters
    ----------
    url
        As reported by the server, including the base URL.
    address
        Address to connect to; on loopback if it listens on all addresses.
    token
        Login token; "" if the server has a password or no authentication.
    """

    path: Path
    process: int
    url: str
    address: Address
    token: str
    root: str

    def __repr__(self) -> str:
        return f"<server of process {self.process} at {self.url}>"


def find_running_servers() -> list[RunningServer]:
    """Return all running servers, newest first, with or without the extension."""
    from jupyter_core.paths import jupyter_runtime_dir

    found = []
    with contextlib.suppress(OSError):
        files = [path for path in Path(jupyter_runtime_dir()).iterdir() if _FILE.fullmatch(path.name)]
        for path in sorted(files, key=_age):
            server = _read(path)
            if server is not None and is_alive(server.process):
                found.append(server)
    return found


def find_running_server(address: Address) -> RunningServer | None:
    """Find this user's running server at ``address``; all loopback names are equivalent."""
    for server in find_running_servers():
        own = server.address
        same = (own.scheme, own.port, own.prefix) == (address.scheme, address.port, address.prefix)
        if same and (own.host == address.host or (own.is_loopback and address.is_loopback)):
            return server
    return None


def is_alive(process: int) -> bool:
    """Whether a process of this user has this id."""
    if os.name == "nt":
        # os.kill would send Ctrl-C there. A server that has ended does not answer.
        return True
    try:
        os.kill(process, 0)
    except (OSError, OverflowError):
        return False
    return True


def command_line(process: int) -> list[str]:
    """Return the arguments of a process; empty if the system does not reveal them."""
    with contextlib.suppress(OSError):
        return [
            word.decode(errors="replace") for word in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0") if word
        ]
    return []


def process_environment(process: int) -> dict[str, str]:
    """Return the initial environment of a process of this user; empty if the system does not reveal it."""
    with contextlib.suppress(OSError):
        entries = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
        return dict(os.fsdecode(entry).split("=", 1) for entry in entries if b"=" in entry)
    return {}


def _age(path: Path) -> float:
    with contextlib.suppress(OSError):
        return -path.stat().st_mtime
    return 0.0


def _read(path: Path) -> RunningServer | None:
    """Read a runtime file; None if it is invalid, or belongs to another user."""
    try:
        if not is_own(path.lstat()) or path.is_symlink():
            return None
        info = json.loads(path.read_text(encoding="utf-8"))
        url, token, process = info["url"], info["token"], int(info["pid"])
        if not isinstance(url, str) or not isinstance(token, str):
            return None
        return RunningServer(path, process, url, _address(info, url), token, str(info.get("root_dir", "")))
    except (OSError, ValueError, KeyError, TypeError, InvalidInput):
        return None


def _address(info: dict[str, Any], url: str) -> Address:
    address = parse_exact(f"{url.rstrip('/')}/{PREFIX}")
    if not info.get("sock") and info.get("hostname", "") in _WILDCARDS:
        return replace(address, host="127.0.0.1")
    return address
