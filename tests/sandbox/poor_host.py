"""``python poor_host.py WHAT... -- COMMAND``: run a command on a host that lacks a feature, simulated by a filter.

The filter returns the errors of such kernels, containers and policies; nothing in the sandbox knows of it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from jupyter_figserve.sandbox.jail.syscalls import architecture, call, prctl

NEW_USER = 0x10000000
EPERM, ENOSYS, ENOSPC = (0x50000 | number for number in (errno.EPERM, errno.ENOSYS, errno.ENOSPC))
ALLOW = 0x7FFF0000
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
PR_SET_SECCOMP = 22

CONTAINER = {"unshare": EPERM, "mount": EPERM, "pivot_root": EPERM, "setns": EPERM, "umount2": EPERM}
HOSTS = {
    # The seccomp filters of Docker and Podman.
    "container": CONTAINER,
    # sysctl user.max_user_namespaces=0.
    "no-user-namespaces": {"unshare": ENOSPC},
    # Ubuntu 24.04: unshare succeeds, and in the new namespace nothing works.
    "apparmor": {"mount": EPERM, "mount_setattr": EPERM},
    "no-landlock": {"landlock_create_ruleset": ENOSYS},
    "no-seccomp": {"seccomp": ENOSYS},
    # The only user of a rootless container.
    "one-user": {"setgroups": EPERM, "setresuid": EPERM, "setresgid": EPERM},
}
_MORE = {
    "x86_64": {"setgroups": 116, "setresuid": 117, "setresgid": 119},
    "aarch64": {"setgroups": 159, "setresuid": 147, "setresgid": 149},
}


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def take_away(names: list[str]) -> None:
    machine = architecture()
    numbers = {**machine.numbers, **_MORE[machine.name]}
    steps = [_step(LOAD, 0)]
    for name in names:
        for call_name, answer in HOSTS[name].items():
            steps += [_step(EQUAL, numbers[call_name], 0, 1), _step(RETURN, answer)]
    if "no-seccomp" in names:
        # The older way to load a filter.
        steps += [_step(EQUAL, numbers["prctl"], 0, 3), _step(LOAD, 16), _step(EQUAL, PR_SET_SECCOMP, 0, 1)]
        steps += [_step(RETURN, 0x50000 | errno.EINVAL)]
    steps += [_step(RETURN, ALLOW)]
    data = ctypes.create_string_buffer(b"".join(steps))
    prctl(38, 1)
    call("seccomp", 1, 0, ctypes.byref(Program(len(steps), ctypes.addressof(data))))


def _step(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, operand)


if __name__ == "__main__":
    middle = sys.argv.index("--")
    take_away(sys.argv[1:middle])
    command = sys.argv[middle + 1 :]
    os.execv(command[0], command)  # noqa: S606  the tests' own command
