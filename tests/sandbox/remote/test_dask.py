"""The Dask renderer: nothing that comes back is unpickled, and clusters that cannot be used are named."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import pickle
import struct
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_figserve.errors import FigServeError, OutputInvalid, Unavailable
from jupyter_figserve.model.rendering import RenderJob
from jupyter_figserve.sandbox.host.job_frames import ChildAnswer
from jupyter_figserve.sandbox.remote.answers import pack_answer
from jupyter_figserve.sandbox.remote.dask_exchange import DaskExchange
from jupyter_figserve.sandbox.remote.dask_exchange import _read_bytes as read_bytes
from jupyter_figserve.sandbox.remote.dask_frames import ByteBudget
from jupyter_figserve.sandbox.remote.remote_renderer import NotReached

from ...conftest import require_package
from ...ports import free_port
from .fleets import make_dask_renderer
from .test_http_renderer import PNG, RENDERED, REPORT

distributed = require_package("distributed.core")
protocol = require_package("distributed.protocol")

JOB = RenderJob("code", b"draw", timeout=5)


class Evil:
    """Writes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return _do_harm, (str(self.path),)


def _do_harm(path: str) -> str:
    Path(path).write_text(f"{os.getpid()} {threading.current_thread().name}", encoding="utf-8")
    return path


def _ok(result: object) -> dict[str, object]:
    return {"status": "OK", "result": result}


def _dask_type(path: Path, data: bytes) -> object:
    """What ``Client`` with deserializers=["dask", "msgpack"] would unpickle: the type of the object."""
    header = {"serializer": "dask", "type-serialized": pickle.dumps(Evil(path)), "type": "builtins.bytes"}
    return protocol.Serialized({**header, "compression": (None,), "writeable": (False,)}, [data])


ATTACKS: dict[str, Callable[[Path], object]] = {
    "a result that pickles itself": lambda path: _ok(protocol.Serialize(Evil(path))),
    "a pickled part of the message": lambda path: _ok(protocol.ToPickle(Evil(path))),
    "a whole pickled answer": lambda path: protocol.ToPickle(Evil(path)),
    "the type of a result": lambda path: _ok(_dask_type(path, b"x")),
    "an exception": lambda path: {"status": "error", "exception": pickle.dumps(Evil(path)), "traceback": b""},
    "an exception as an object": lambda path: {"status": "error", "exception": protocol.Serialize(Evil(path))},
    "bytes, as of a failed call": lambda path: pickle.dumps(Evil(path)),
    "bytes as a result": lambda path: _ok(protocol.Serialize(pickle.dumps(Evil(path)))),
}


class Cluster:
    """A scheduler that answers as scripted."""

    def __init__(self, answer: Callable[[], object], *, uncaught: bytes | None = None) -> None:
        self.answer, self.uncaught, self.calls, self.is_lost = answer, uncaught, 0, False
        handlers = {"identity": self.identity, "broadcast": self.broadcast}
        self.server = distributed.Server(handlers)

    def identity(self) -> dict[str, object]:
        """Name the worker, until it has been lost."""
        return {"workers": {} if self.is_lost else {"tcp://worker:1": {"nthreads": 2}}}

    def broadcast(self, msg: Any, workers: Any, on_error: str) -> object:
        self.calls += 1
        if self.calls == 1:
            return {"tcp://worker:1": _ok(protocol.Serialize(json.dumps(REPORT).encode()))}
        if self.uncaught is not None:
            return {"status": "uncaught-error", "exception": self.uncaught, "exception_text": "x", "traceback": b""}
        return {"tcp://worker:1": self.answer()}


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 60))


async def render(cluster: Cluster) -> object:
    await cluster.server.listen("tcp://127.0.0.1:0")
    renderer = make_dask_renderer(cluster.server.address)
    await renderer.start()
    assert (renderer.status.tier, renderer.status.slots, renderer.status.name) == ("FULL", 3, "dask")
    try:
        return await renderer.render(JOB)
    finally:
        await renderer.close()
        await cluster.server.close()


def test_the_frame_of_an_answer():
    """Bytes go in, and bytes come out."""

    async def scene() -> None:
        result: Any = await render(Cluster(lambda: _ok(protocol.Serialize(RENDERED))))
        assert result.images[0].data == PNG

    run(scene())


@pytest.mark.parametrize("kind", ATTACKS)
def test_no_pickle_is_opened(kind: str, tmp_path: Path):
    """The job is an error, and the harm is not done."""

    async def scene() -> None:
        with pytest.raises(FigServeError) as caught:
            await render(Cluster(lambda: ATTACKS[kind](tmp_path / "harm")))
        assert isinstance(caught.value, Unavailable)

    run(scene())
    assert list(tmp_path.iterdir()) == []


def test_no_exception_of_the_scheduler_is_opened(tmp_path: Path):
    """Dask would unpickle it in the client."""

    async def scene() -> None:
        with pytest.raises(Unavailable):
            await render(Cluster(lambda: None, uncaught=pickle.dumps(Evil(tmp_path / "harm"))))

    run(scene())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["a pickled part of the message", "the type of a result"])
def test_dasks_own_client_would_open_them(kind: str, tmp_path: Path):
    """The attacks are real: with deserializers=["dask", "msgpack"], they run here."""

    async def scene() -> None:
        cluster = Cluster(lambda: ATTACKS[kind](tmp_path / "harm"))
        await cluster.server.listen("tcp://127.0.0.1:0")
        cluster.calls = 1
        async with distributed.rpc(cluster.server.address, deserializers=["dask", "msgpack"]) as scheduler:
            with contextlib.suppress(Exception):
                await scheduler.broadcast(msg={}, workers=[], on_error="ignore")
        await cluster.server.close()

    run(scene())
    assert (tmp_path / "harm").exists()


RESULTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.binary(max_size=30),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=9), values, max_size=3),
    max_leaves=5,
)
SERIALIZED = st.builds(
    lambda header, frames: protocol.Serialized(header, frames),
    st.fixed_dictionaries({}, optional={"compression": RESULTS, "serializer": RESULTS}) | RESULTS,
    st.lists(st.binary(max_size=30) | RESULTS, max_size=3) | RESULTS,
)


@given(
    st.fixed_dictionaries({}, optional={"status": st.just("OK") | RESULTS, "result": SERIALIZED | RESULTS}) | RESULTS
)
def test_any_response_is_bytes_or_nothing(response: object):
    """Whatever a cluster says that a function returned."""
    found = read_bytes(response, ByteBudget(100))
    assert found is None or type(found) is bytes


@pytest.mark.nightly
@given(SERIALIZED | RESULTS)
@settings(max_examples=30)
def test_any_result_is_an_error_of_ours(result: object):
    """And after it, an honest result is an image."""

    async def scene() -> None:
        with pytest.raises(FigServeError):
            await render(Cluster(lambda: result))
        with pytest.raises(FigServeError):
            await render(Cluster(lambda: _ok(result)))
        honest: Any = await render(Cluster(lambda: _ok(protocol.Serialize(RENDERED))))
        assert honest.images[0].data == PNG

    run(scene())


def test_too_much_is_not_a_result():
    """The limits are those of the other renderers."""

    async def scene() -> None:
        with pytest.raises(Unavailable):
            await render(Cluster(lambda: _ok(protocol.Serialize(bytes(6 * 2**20)))))
        with pytest.raises(OutputInvalid):
            await render(Cluster(lambda: _ok(protocol.Serialize(pack_answer(ChildAnswer(b"junk", "", None))))))

    run(scene())


@contextlib.contextmanager
def at_most(size: int) -> Iterator[None]:
    """Fail where the block takes more memory."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def _compressed(data: bytes, name: str = "zlib") -> object:
    return protocol.Serialized({"serializer": "dask", "compression": (name,)}, [zlib.compress(data)])


def test_a_compressed_result():
    """As of a cluster whose configuration compresses."""

    async def scene() -> None:
        result: Any = await render(Cluster(lambda: _ok(_compressed(RENDERED))))
        assert result.images[0].data == PNG

    run(scene())


@pytest.mark.parametrize("name", ["zlib", "unknown"])
def test_a_compressed_result_that_expands_without_limit(name: str):
    """It is not a result, and no memory is taken for it."""
    bomb = _compressed(bytes(24 * 2**20), name)

    async def scene() -> None:
        with pytest.raises(Unavailable):
            await render(Cluster(lambda: _ok(bomb)))

    with at_most(16 * 2**20):
        run(scene())


def test_a_pickled_part_is_not_expanded(monkeypatch):
    """Dask's parser decompresses it before it unpickles."""
    table = importlib.import_module("distributed.protocol.compression").compressions
    expanded: list[object] = []
    monkeypatch.setitem(table, "zlib", table["zlib"]._replace(decompress=expanded.append))
    part = protocol.Pickled({"pickled-obj": b"", "compression": ("zlib",)}, [zlib.compress(bytes(2**20))])

    async def scene() -> None:
        with pytest.raises(Unavailable):
            await render(Cluster(lambda: part))

    run(scene())
    assert not expanded


def test_a_message_without_end():
    """No memory is taken for what a scheduler announces beyond the limit."""

    async def announce(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(struct.pack("Q", 2**29))
        await writer.drain()
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(announce, "127.0.0.1", 0)
        exchange = DaskExchange(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", 0.8)
        await exchange.open()
        with at_most(2**25), pytest.raises(NotReached):
            await exchange.find_workers(5)
        await exchange.close()
        server.close()

    run(scene())


def test_no_cluster():
    """A sentence within a second, as without render workers."""

    async def scene() -> None:
        renderer = make_dask_renderer(f"tcp://127.0.0.1:{free_port()}", connect_timeout=0.8)
        await renderer.start()
        with pytest.raises(Unavailable, match="No render worker can be reached"):
            await renderer.render(JOB)
        await renderer.close()

    run(scene())


def test_no_job_is_sent_to_a_worker_that_has_ended():
    """The scheduler knows at once, and would wait half a minute for it."""

    async def scene() -> None:
        cluster = Cluster(lambda: _ok(protocol.Serialize(RENDERED)))
        await cluster.server.listen("tcp://127.0.0.1:0")
        renderer = make_dask_renderer(cluster.server.address)
        await renderer.start()
        cluster.is_lost = True
        with pytest.raises(Unavailable, match="the Dask cluster has no workers"):
            await renderer.render(JOB)
        assert cluster.calls == 1
        cluster.is_lost = False
        cluster.calls = 0
        await renderer.sweep()
        assert (await renderer.render(JOB)).images
        await renderer.close()
        await cluster.server.close()

    run(scene())
