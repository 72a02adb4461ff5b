"""Calls functions on the workers of a Dask cluster, and unpickles nothing that comes back. Server process.

Dask's own ``Client`` unpickles: exceptions, warnings, the types of "dask" serialization, and whatever a message marks
as pickled. Here a message stays as it is and has a limit, a result is bytes, and a pickled part is an error.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import pickle
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from .dask_frames import ByteBudget, expand
from .remote_renderer import NotReached

_log = logging.getLogger(__name__)
_budget: ContextVar[ByteBudget | None] = ContextVar("budget", default=None)
"""What the call of this module may still receive; None in the calls of others, which are as Dask makes them."""
REPORT_BYTES = 64 * 2**20
"""Upper limit of what a cluster says of itself; that of thousands of workers is smaller."""
_MESSAGE_BYTES = 2**20
"""What a message with results may have beside them."""


class _GuardedPickle:
    """Dask's pickle module as it is, except in the calls of this module, where it loads nothing."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def loads(self, *arguments: Any, **options: Any) -> Any:
        _refuse_pickle()
        return self._module.loads(*arguments, **options)


def _refuse_pickle() -> None:
    if _budget.get() is not None:
        raise ValueError("a message of the Dask cluster has a pickled part, which this server does not open")


def _guard() -> None:
    """Let Dask load no pickle and receive no endless message here; its other users see no difference."""
    core: Any = importlib.import_module("distributed.protocol.core")
    tcp: Any = importlib.import_module("distributed.comm.tcp")
    if isinstance(core.pickle, _GuardedPickle):
        return
    core.pickle = _GuardedPickle(core.pickle)
    decompress, host_array = core.decompress, tcp.host_array

    def guarded_decompress(*arguments: Any) -> Any:
        # Before results are read, only pickled parts are decompressed.
        _refuse_pickle()
        return decompress(*arguments)

    def guarded_host_array(size: int) -> Any:
        budget = _budget.get()
        if budget is not None:
            budget.take(size)
        return host_array(size)

    core.decompress, tcp.host_array = guarded_decompress, guarded_host_array


class DaskExchange:
    """Connections to a scheduler.

    Parameters
    ----------
    address
        Of the scheduler; TLS is as Dask's own configuration has it.
    connect_timeout
        Seconds to open a connection.
    """

    def __init__(self, address: str, connect_timeout: float) -> None:
        self._address = address
        self._connect_timeout = connect_timeout
        self._rpc: Any = None

    async def open(self) -> None:
        """Import Dask in a thread, as that takes a second."""
        await asyncio.to_thread(_import)

    async def close(self) -> None:
        if self._rpc is not None:
            await self._rpc.close_rpc()

    async def find_workers(self, seconds: float) -> list[str]:
        """Return the addresses of the cluster's workers."""
        identity = await self._ask("identity", seconds, REPORT_BYTES)
        workers = identity.get("workers") if isinstance(identity, dict) else None
        return [name for name in workers if isinstance(name, str)] if isinstance(workers, dict) else []

    async def call(
        self,
        function: Callable[..., Any],
        arguments: Sequence[object],
        workers: Sequence[str],
        seconds: float,
        max_bytes: int,
    ) -> dict[str, bytes]:
        """Return by worker what a function returns there; workers without a result in bytes are missing.

        Parameters
        ----------
        max_bytes
            Upper limit of the results together.

        Raises
        ------
        NotReached
            The scheduler was not reached, or was lost.
        TimeoutError
            There was no answer in time.
        """
        packed = {"function": pickle.dumps(function), "args": pickle.dumps(tuple(arguments))}
        message = {"op": "run", "wait": True, **packed}
        values = {"msg": message, "workers": list(workers), "on_error": "ignore"}
        given = await self._ask("broadcast", seconds, max_bytes + _MESSAGE_BYTES, **values)
        answers = given if isinstance(given, dict) else {}
        budget = ByteBudget(max_bytes)
        found = {name: _read_bytes(answers.get(name), budget) for name in workers}
        return {name: data for name, data in found.items() if data is not None}

    async def _ask(self, operation: str, seconds: float, max_bytes: int, **values: Any) -> Any:
        token = _budget.set(ByteBudget(max_bytes))
        try:
            async with asyncio.timeout(seconds):
                return await getattr(self._connect(), operation)(**values)
        except TimeoutError:
            raise
        except OSError as error:
            raise NotReached("the Dask scheduler does not answer") from error
        except Exception as error:
            raise NotReached(f"the Dask scheduler sent an invalid answer: {type(error).__name__}") from error
        finally:
            _budget.reset(token)

    def _connect(self) -> Any:
        core: Any = importlib.import_module("distributed.core")
        security: Any = importlib.import_module("distributed.security")
        if self._rpc is None:
            options = security.Security().get_connection_args("client")
            self._rpc = core.rpc(
                self._address, deserialize=False, timeout=self._connect_timeout, connection_args=options
            )
        return self._rpc


def _import() -> None:
    import distributed.core
    import distributed.security  # noqa: F401

    _guard()


def _read_bytes(response: object, budget: ByteBudget) -> bytes | None:
    """Return the bytes that a function returned, from a response that has not been deserialized."""
    if not isinstance(response, Mapping) or response.get("status") != "OK":
        return None
    result = response.get("result")
    header, frames = getattr(result, "header", None), getattr(result, "frames", None)
    if isinstance(result, bytes):
        return result
    if not isinstance(header, dict) or not isinstance(frames, (list, tuple)):
        return None
    try:
        if header.get("compression"):
            frames = expand(header["compression"], frames, budget)
        # A bare number would become as many zeros.
        return b"".join(memoryview(frame) for frame in frames)
    except Exception as error:
        _log.debug("A Dask worker sent a result that cannot be read: %r", error)
        return None
