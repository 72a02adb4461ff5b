"""The jail of one child: which layers there are, and in which order a child puts them on. Sandbox, child side.

Each layer is a function of a module of its own: ``namespaces``, ``landlock``, ``limits``, ``seccomp``. Read them in the
order of ``Jail.enter``. Any step that fails ends the child before it has seen a byte of the job.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from . import landlock, rlimits, seccomp
from .namespaces import SCRATCH, NamespaceSet, set_user
from .syscalls import call

NULL, STDOUT, STDERR, ANSWER, JOB = 0, 1, 2, 3, 4
"""Descriptors of a child; there are no others."""
SCRATCH_FILES = 256
FIRST_USER = 61_000
_USERS = 1_000
_FAR = 200


@dataclass(frozen=True)
class ResourceLimits:
    """What a child may use: bytes and seconds.

    Parameters
    ----------
    memory
        Above what the zygote has.
    seconds
        Processor time.
    """

    memory: int
    scratch: int
    seconds: int


@dataclass(frozen=True)
class Jail:
    """The layers that hold on this host, found by trying them.

    Parameters
    ----------
    enclosure
        Namespaces, None where the host has none to give.
    landlock
        Version of the interface, 0 without.
    filter
        The seccomp program; None only where an administrator allows code to run unsandboxed.
    readable
        Paths.
    users
        Whether each child becomes a user of its own: root without namespaces.
    base
        Bytes of address space that the zygote takes itself.
    """

    enclosure: NamespaceSet | None
    landlock: int
    filter: bytes | None
    readable: tuple[str, ...]
    users: bool
    base: int
    bounds: ResourceLimits

    def enter(self, number: int, descriptors: tuple[int, int, int]) -> None:
        """Jail this process, which is a fresh child, for good.

        Parameters
        ----------
        number
            Of the child; each becomes another user where ``users``.
        descriptors
            To read the job from, to write the answer to, to write output to.
        """
        if self.enclosure is not None:
            self.enclosure.enter_child(self.bounds.scratch, SCRATCH_FILES)
        elif self.users:
            set_user(FIRST_USER + number % _USERS)
        keep_descriptors(*descriptors)
        self._enter_scratch()
        rlimits.set_parent_death_signal()
        rlimits.set_not_dumpable()
        rlimits.set_no_new_privs()
        if self.landlock:
            writable = ["/dev/null", *([SCRATCH] if self.enclosure is not None else [])]
            landlock.restrict(self.landlock, self.readable, writable)
        self._limit()
        if self.filter is not None:
            rlimits.drop_capabilities()
            rlimits.deny_write_execute()
            seccomp.load_filter(self.filter)

    @property
    def scratch(self) -> str:
        """Where files may be written; without namespaces there is no such place."""
        return SCRATCH if self.enclosure is not None else "/"

    def _enter_scratch(self) -> None:
        environment: Mapping[str, str] = {
            "HOME": self.scratch,
            "TMPDIR": self.scratch,
            "LANG": "C.UTF-8",
            "MPLBACKEND": "agg",
            "PATH": "/usr/bin:/bin",
        }
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(self.scratch)
        os.umask(0o077)

    def _limit(self) -> None:
        # A count of threads is a count of the user's processes: of this child's alone in a user namespace of its own.
        threads = rlimits.THREADS if self.enclosure is not None or self.users else None
        rlimits.limit_resources(
            memory=self.base + self.bounds.memory,
            seconds=self.bounds.seconds,
            file_bytes=self.bounds.scratch,
            threads=threads,
        )


def keep_descriptors(job: int, answer: int, output: int) -> None:
    """Leave a child the three that it was given, as ``JOB``, ``ANSWER`` and output, and no other one."""
    null = os.open("/dev/null", os.O_RDWR)
    far = [os.dup2(descriptor, _FAR + i) for i, descriptor in enumerate((null, output, output, answer, job))]
    for place, descriptor in zip((NULL, STDOUT, STDERR, ANSWER, JOB), far, strict=True):
        os.dup2(descriptor, place)
    call("close_range", JOB + 1, 0xFFFFFFFF, 0)
