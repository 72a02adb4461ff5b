"""`mcp`: tools for AI assistants on standard input and output. A process of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..registry import INTERRUPTED, OK, command
from ..server_selection import SelectedServer, select_server, server_options

if TYPE_CHECKING:
    from ...assistant.api import Permissions

T = TypeVar("T")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--files",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="let the assistant publish image files below this directory by their path; may be repeated",
    )
    server_options(parser)


def _check(options: argparse.Namespace) -> None:
    for folder in options.files:
        if not folder.is_dir():
            raise ValueError(f"{str(folder)!r} of --files is not a directory.")


@command(
    "mcp",
    "jupyter figserve mcp",
    "jupyter figserve mcp --files .",
    "jupyter figserve mcp --server https://figures.example.org --key-file ~/.figserve-key",
    options=_options,
    check=_check,
)
def mcp(options: argparse.Namespace) -> int:
    """Serve tools for AI assistants (Model Context Protocol) on standard input and output.

    An assistant starts it, and draws, publishes, lists and shares figures with the rights of your key or login. It
    connects to the server when a tool is used, so the server may start later, or be restarted.
    """
    from ...assistant.protocol import load_sdk

    load_sdk()
    # The thread that reads standard input cannot be interrupted.
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    # Here: it would take a third of the time in which every other command starts.
    import asyncio

    asyncio.run(_serve(RemoteApi(lambda: select_server(options), tuple(str(one.resolve()) for one in options.files))))
    return OK


async def _serve(api: RemoteApi) -> None:
    import anyio
    from mcp.server.stdio import stdio_server

    from ... import __version__
    from ...assistant.protocol import make_server

    server = make_server(api, __version__)
    with (
        # Nothing else may write between the messages.
        contextlib.redirect_stdout(sys.stderr),
        open(os.dup(0), encoding="utf-8", errors="replace") as stdin,
        open(os.dup(1), "w", encoding="utf-8") as stdout,
    ):
        async with stdio_server(anyio.wrap_file(stdin), anyio.wrap_file(stdout)) as (read, write):
            await server.run(read, write, server.create_initialization_options())


class RemoteApi:
    """The HTTP API of the selected server.

    Parameters
    ----------
    select
        Selects the server; again after it was not reached, as it may have moved to another port.
    folders
        Directories whose files may be published.
    """

    def __init__(self, select: Callable[[], SelectedServer], folders: tuple[str, ...]) -> None:
        self._select = select
        self._folders = folders
        self._server: SelectedServer | None = None

    async def find_permissions(self) -> Permissions:
        from ...assistant.api import DEFAULT_IMAGE_BYTES, Permissions
        from ...errors import FigServeError
        from ...model.keys import SCOPES

        try:
            status = await self._run(lambda server: server.client.get("api/status"))
        except FigServeError:
            # The tools are listed nevertheless; a call says what is wrong.
            status = {}
        limits = status.get("limits", {})
        return Permissions(
            frozenset(status.get("caller", {}).get("scopes", SCOPES)),
            self._folders,
            limits.get("mcp_image_bytes", DEFAULT_IMAGE_BYTES),
            limits.get("figure_bytes"),
        )

    async def get(self, path: str, **query: Any) -> Any:
        return await self._run(lambda server: server.client.get(path, **query))

    async def get_bytes(self, path: str, **query: Any) -> bytes:
        return await self._run(lambda server: server.client.get_bytes(path, **query))

    async def send(self, method: str, path: str, value: Any) -> Any:
        return await self._run(
            lambda server: (server.client.patch if method == "PATCH" else server.client.post)(path, value)
        )

    async def upload(self, path: str, content_type: str, body: bytes, **query: Any) -> Any:
        from urllib.parse import urlencode

        target = f"{path}?{urlencode(query)}"
        return await self._run(lambda server: server.client.post_form(target, content_type, body))

    async def _run(self, request: Callable[[SelectedServer], T]) -> T:
        """Send a request in a thread; once more, to the server of now, where the known one does not answer."""
        import asyncio

        from ...errors import NotConnected, Unauthorized

        known = self._server
        if known is not None:
            try:
                return await asyncio.to_thread(request, known)
            except (NotConnected, Unauthorized):
                self._server = None
        self._server = found = await asyncio.to_thread(self._select)
        return await asyncio.to_thread(request, found)
