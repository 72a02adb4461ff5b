"""The jail of a child process: its layers, in the order in which they are applied. Jailed child.

Each layer has its own module: ``namespaces``, ``landlock``, ``rlimits``, ``privileges``, ``seccomp``; read them in the
order of ``Jail.enter``. If a step fails, the child exits before it has read a byte of the job.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from . import landlock, privileges, rlimits, seccomp
from .namespaces import SCRATCH, NamespaceSet, set_user
from .syscalls import call

NULL, STDOUT, STDERR, RESULT, JOB = 0, 1, 2, 3, 4
"""The only descriptors of a child."""
MAX_SCRATCH_FILES = 256
FIRST_USER = 61_000
_USER_COUNT = 1_000
_UNUSED_DESCRIPTOR = 200


@dataclass(frozen=True)
class ResourceLimits:
    """Resource limits of a child.

    Parameters
    ----------
    memory
        Bytes of address space, in addition to that of the zygote.
    scratch
        Bytes of files.
    seconds
        Processor time.
    """

    memory: int
    scratch: int
    seconds: int


@dataclass(frozen=True)
class Jail:
    """The layers that are available on this host, found by trying them.

    Parameters
    ----------
    namespaces
        None if the host does not allow them.
    landlock_version
        Version of the interface, 0 if not available.
    seccomp_filter
        The seccomp filter; None only if the administrator allows code to run unsandboxed.
    readable
        Paths that may be read.
    changes_user
        Whether each child switches to a user of its own: as root without namespaces.
    zygote_bytes
        Address space of the zygote.
    """

    namespaces: NamespaceSet | None
    landlock_version: int
    seccomp_filter: bytes | None
    readable: tuple[str, ...]
    changes_user: bool
    zygote_bytes: int
    limits: ResourceLimits

    def enter(self, number: int, descriptors: tuple[int, int, int]) -> None:
        """Jail this process, a fresh child, irrevocably.

        Parameters
        ----------
        number
            Number of the child, from which its user is derived.
        descriptors
            Descriptors of the job, the result and the output.
        """
        if self.namespaces is not None:
            self.namespaces.enter_child(self.limits.scratch, MAX_SCRATCH_FILES)
        elif self.changes_user:
            set_user(FIRST_USER + number % _USER_COUNT)
        _keep_descriptors(*descriptors)
        self._enter_scratch()
        privileges.set_parent_death_signal()
        privileges.set_not_dumpable()
        privileges.set_no_new_privs()
        if self.landlock_version:
            writable = ["/dev/null", *([SCRATCH] if self.namespaces is not None else [])]
            landlock.restrict(self.landlock_version, self.readable, writable)
        self._limit_resources()
        if self.seccomp_filter is not None:
            privileges.drop_capabilities()
            privileges.deny_write_execute()
            seccomp.load_filter(self.seccomp_filter)

    @property
    def scratch(self) -> str:
        """The writable directory; without namespaces there is none."""
        return SCRATCH if self.namespaces is not None else "/"

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

    def _limit_resources(self) -> None:
        # RLIMIT_NPROC counts all processes of the user: only those of this child if it has its own user or namespace.
        threads = rlimits.MAX_THREADS if self.namespaces is not None or self.changes_user else None
        rlimits.limit_resources(
            memory=self.zygote_bytes + self.limits.memory,
            seconds=self.limits.seconds,
            file_bytes=self.limits.scratch,
            threads=threads,
        )


def _keep_descriptors(job: int, result: int, output: int) -> None:
    """Move the three descriptors to ``JOB``, ``RESULT`` and the output streams, and close all others."""
    null = os.open("/dev/null", os.O_RDWR)
    moved = [
        os.dup2(descriptor, _UNUSED_DESCRIPTOR + i) for i, descriptor in enumerate((null, output, output, result, job))
    ]
    for target, descriptor in zip((NULL, STDOUT, STDERR, RESULT, JOB), moved, strict=True):
        os.dup2(descriptor, target)
    call("close_range", JOB + 1, 0xFFFFFFFF, 0)
