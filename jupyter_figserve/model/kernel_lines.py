"""The connection of a kernel to one of several servers, as a frozen value. Server process."""

from __future__ import annotations

from dataclasses import dataclass

from .live import LiveDeclaration


@dataclass(frozen=True)
class KernelLine:
    """Which server a kernel is connected to, and what the kernel offers there.

    Parameters
    ----------
    owner
        Of the live figures.
    server
        Address at which the other servers reach this one.
    opened
        When the kernel connected, in seconds since the epoch; a kernel that connects anew takes the line along.
    offers
        Ids of live figures with their declarations by this kernel.
    revision
        Changes whenever the row is written.
    sources
        Digests of the published sources that the kernel draws again, oldest first.
    unsupported
        Names of formats that it cannot write.
    """

    kernel: str
    owner: str
    server: str
    opened: float
    offers: tuple[tuple[str, LiveDeclaration], ...] = ()
    revision: str = ""
    sources: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
