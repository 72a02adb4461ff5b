"""``python as_user.py [root] -- COMMAND``: run a command as an ordinary user without special privileges.

Started by root. If Python is inside root's private home, a copy of the mounts makes it readable for everyone, only in
this process's namespace. ``root`` does this and stays root, as in a container whose Python everyone can read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jupyter_figserve.sandbox.jail.syscalls import call

USER = 54_321
NEW_MOUNTS, BIND, RECURSIVE, PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def open_home_of_python() -> None:
    """Replace /root with an empty directory that contains only the interpreter."""
    base = Path(sys.base_prefix).resolve()
    if "/root" not in map(str, base.parents):
        return
    call("unshare", NEW_MOUNTS)
    call("mount", b"none", b"/", None, RECURSIVE | PRIVATE, None)
    source = os.open(base, os.O_PATH)
    call("mount", b"tmpfs", b"/root", b"tmpfs", 0, b"mode=755,size=1m")
    base.mkdir(parents=True)
    call("mount", f"/proc/self/fd/{source}".encode(), str(base).encode(), None, BIND | RECURSIVE, None)
    os.close(source)


if __name__ == "__main__":
    command = sys.argv[sys.argv.index("--") + 1 :]
    open_home_of_python()
    if sys.argv[1] == "root":
        os.execve(command[0], command, dict(os.environ))  # noqa: S606  the tests' own command
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    environment = {
        **os.environ,
        "HOME": "/nonexistent",
        "XDG_CACHE_HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    os.execve(command[0], command, environment)  # noqa: S606  the tests' own command
