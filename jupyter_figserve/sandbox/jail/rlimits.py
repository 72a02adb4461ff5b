"""Resource limits of a process. Jailed child.

Manual page: getrlimit(2).
"""

from __future__ import annotations

import resource

MAX_OPEN_FILES = 64
MAX_THREADS = 16
STACK_BYTES = 16 * 2**20


def limit_resources(*, memory: int, seconds: int, file_bytes: int, threads: int | None) -> None:
    """Set limits that only root could raise again.

    Parameters
    ----------
    memory
        Bytes of address space, including the libraries; without fork and memfd a child can use no more memory.
    seconds
        Processor time, in addition to the deadline that the parent enforces.
    file_bytes
        Maximum size of a file.
    threads
        Maximum number of threads; None where the kernel would count all processes of the user.
    """
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_STACK: STACK_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 64,
    }
    if threads is not None:
        limits[resource.RLIMIT_NPROC] = threads
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))
