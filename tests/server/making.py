"""Sessions in the server of a test, with real kernels or with none."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.session import Session

from jupyter_figserve.model.figures import EncodedImage, Identity
from jupyter_figserve.model.formats import FORMATS
from jupyter_figserve.model.live import LiveDeclaration, LiveRequest
from jupyter_figserve.model.quotas import Quota
from jupyter_figserve.server.services.auth.directory import CANNOT_TELL, Lookup
from jupyter_figserve.server.services.capture.captured_display import CapturedDisplay
from jupyter_figserve.server.services.capture.ring_buffer import CaptureBuffer
from jupyter_figserve.server.services.live.backends.backend import KernelUnavailable, next_generation
from jupyter_figserve.server.services.live.image_cache import CachedImage
from jupyter_figserve.server.web.context import AppContext
from jupyter_figserve.store.catalog import live_figures, sessions

from ..waiting import PATIENCE
from .sample_images import png

if TYPE_CHECKING:
    from .conftest import Client


class Jupyter:
    """The API and the kernels of the server."""

    def __init__(self, owner: Client, serverapp: Any) -> None:
        self._owner = owner
        self.manager = serverapp.kernel_manager

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = await self._owner.http.fetch(
            f"{self._owner.prefix.removesuffix('/figserve')}/api/{path}",
            method=method,
            headers=self._owner.headers,
            body=None if body is None else json.dumps(body),
            allow_nonstandard_methods=True,
            request_timeout=PATIENCE,
        )
        return json.loads(answer.body) if answer.body else None

    async def start(self, name: str = "python3") -> str:
        kernel: str = (await self.ask("POST", "kernels", {"name": name}))["id"]
        return kernel

    async def session(self, path: str, name: str = "python3") -> dict[str, Any]:
        model = {"path": path, "name": path, "type": "notebook", "kernel": {"name": name}}
        session: dict[str, Any] = await self.ask("POST", "sessions", model)
        return session

    async def run(self, kernel: str, code: str, *, silent: bool = False) -> str:
        """Run a cell and return its output; an error in it fails the test. A silent one has no number."""
        manager, printed = self.manager.get_kernel(kernel), []
        client = manager.client(session=Session(key=manager.session.key))
        client.start_channels(hb=False)

        def take(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        try:
            await client.wait_for_ready(timeout=PATIENCE)
            reply = await client.execute_interactive(code, silent, timeout=PATIENCE, output_hook=take)
        finally:
            client.stop_channels()
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(printed)


@pytest.fixture
def jupyter(jp_serverapp, owner, monkeypatch) -> Jupyter:
    """The kernel specifications of this environment, as pytest-jupyter's directories have only an echo kernel."""
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    return Jupyter(owner, jp_serverapp)


def install_bash_kernel(data_dir: Path) -> None:
    """Write a kernel specification for ``bash`` into a Jupyter data directory."""
    directory = data_dir / "kernels" / "bash"
    directory.mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    (directory / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Bash", "language": "bash"}))


def showing(data: bytes, display_id: str | None = None, mimetype: str = "image/png") -> str:
    """Return a line of Python that displays an image."""
    value = data.decode() if mimetype == "image/svg+xml" else base64.b64encode(data).decode()
    return f"display({{{mimetype!r}: {value!r}}}, raw=True, display_id={display_id!r})"


class MadeSession:
    """A session without a kernel, whose directory and captured images the test fills."""

    def __init__(self, context: AppContext, session_id: str) -> None:
        self.id = session_id
        self._services = context
        directory, captured = (context.directories.make(kind) for kind in ("plots", "captured"))
        assert directory is not None
        assert captured is not None
        self.directory, self.buffer = directory, CaptureBuffer(captured, Quota(10, 1_000_000))
        context.directories.bind(directory, session_id)
        context.capture._subscriptions[session_id] = context.capture.make_subscription(session_id, self.buffer)

    def show(self, data: bytes, cell: int = 1, format: str = "png", display_id: str | None = None) -> str:
        """Capture an image of a cell and return its path."""
        request = f"request {cell}"
        self.buffer.namer.begin_cell(request, cell, "s")
        key = self.buffer.namer.next_key(request, display_id)
        return self.buffer.add(key, request, CapturedDisplay(FORMATS[format], data), self._services.store.clock()).path

    def drop(self, path: str, data: bytes) -> Path:
        """Write a file into the session's directory."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file


async def make_session(
    context: AppContext, session_id: str = "a-session", *, owner: str | None = None, notebook: str = ""
) -> MadeSession:
    now = context.store.clock()
    row = sessions.Session(session_id, owner or context.config.owner, "", notebook, now, now)
    await asyncio.wrap_future(context.store.catalog.write(lambda connection: sessions.record(connection, row)))
    return MadeSession(context, session_id)


class FakeKernel:
    """A ``KernelBackend`` that answers with an image once its gate is open.

    Parameters
    ----------
    version
        Version of the data; a caller that has it gets no image.
    is_stand_in
        Whether it gives way to others, like a control channel.
    """

    def __init__(self, version: str | None = None, *, is_stand_in: bool = False) -> None:
        self.generation = next_generation()
        self.is_stand_in = is_stand_in
        self.is_closed = False
        self.ended = asyncio.Event()
        self.version = version
        self.asked: list[tuple[str, LiveRequest]] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress=None
    ) -> CachedImage | None:
        if self.is_closed:
            raise KernelUnavailable
        self.asked.append((name, request))
        waits = [asyncio.ensure_future(event.wait()) for event in (self.gate, self.ended)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.is_closed:
            raise KernelUnavailable
        if self.error is not None:
            raise self.error
        if self.version is not None and self.version in known:
            return None
        data = png(len(self.asked), 1)
        content = EncodedImage("image/png", data, len(self.asked), 1, 72.0)
        return CachedImage(content, revision="r", version=self.version)

    def close(self) -> None:
        self.is_closed = True
        self.ended.set()


async def offer_live(context) -> str:
    """Return the permanent id of a live figure that was offered by a kernel which no longer runs."""
    identity = Identity(context.config.owner, "", "", "k1", "animal")
    now = context.store.clock()
    offering = context.store.catalog.write(
        lambda c: live_figures.upsert(c, identity, "k1", LiveDeclaration("animal"), now)
    )
    return (await asyncio.wrap_future(offering)).id


class FakeDirectory:
    """A Hub's users, with the times at which they were created, and groups."""

    def __init__(self, users: dict[str, str], groups: tuple[str, ...] = ()) -> None:
        self.users = users
        self.groups = groups
        self.asked: list[str] = []
        self.is_silent = False

    async def find_user(self, name: str) -> Lookup:
        self.asked.append(name)
        if self.is_silent:
            return CANNOT_TELL
        return Lookup(True, self.users[name]) if name in self.users else Lookup(False)

    async def find_group(self, name: str) -> Lookup:
        return CANNOT_TELL if self.is_silent else Lookup(name in self.groups)

    async def find_abilities(self) -> dict[str, bool]:
        return dict.fromkeys(("users", "groups", "created"), not self.is_silent)
