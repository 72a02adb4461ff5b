"""What draws sources of the store: the sandbox, or without one the kernels that made them. Server process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from ....model.figures import Source
from ....model.rendering import DrawOptions, RenderJob, RenderResult
from ..bounded_queue import Claim


class NoKernelError(Exception):
    """No running kernel has made the source, or may be asked for it."""


class Executor(Protocol):
    """Runs jobs of one kind of place, where their sources can do no harm."""

    @property
    def libraries(self) -> Mapping[str, str]:
        """What the results depend on besides the jobs: the versions of libraries."""

    def get_limit(self, job: RenderJob) -> float:
        """Return the seconds that a job may take."""

    async def render_composed(
        self, compose: Callable[[], Awaitable[RenderJob]], claim: Claim | None = None
    ) -> RenderResult:
        """Run a job that is composed when its turn has come.

        Raises
        ------
        Unavailable
            Too many jobs wait, or the kernel is busy.
        NoKernelError
            There is no kernel for it.
        """


class KernelExecutors(Protocol):
    """The kernels that draw the figures that they have published."""

    @property
    def is_enabled(self) -> bool:
        """Whether kernels may be asked at all."""

    def find_unsupported(self, owner: str, source: Source) -> tuple[str, ...] | None:
        """Return the formats that a source's kernel cannot write; None if no kernel can draw the source now."""

    def get_executor(self, owner: str, source: Source, options: DrawOptions) -> Executor:
        """Return what has an owner's kernel draw a source, if one can when it is asked."""


class NoKernels:
    """The kernels of a server that asks none."""

    is_enabled = False

    def find_unsupported(self, owner: str, source: Source) -> tuple[str, ...] | None:
        return None

    def get_executor(self, owner: str, source: Source, options: DrawOptions) -> Executor:
        raise NoKernelError
