"""The minimum in Tornado: a handler that holds the bytes and sends them with their type."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets


class ImageHandler(web.RequestHandler):
    """Sends the bytes that it holds."""

    def initialize(self, data: bytes) -> None:
        self.data = data

    def get(self) -> None:
        self.set_header("Content-Type", "image/png")
        self.finish(self.data)


async def main(path: str) -> None:
    app = web.Application([("/picture.png", ImageHandler, {"data": Path(path).read_bytes()})])
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(app).add_sockets(sockets)
    print(f"Listening at: http://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
