"""Live calls that other servers on the same catalog pass on. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated

from ....errors import NotFound
from ..http.public_handler import PublicHandler


class ReplicaCallHandler(PublicHandler):
    """``POST /api/replicas/calls``; only for servers with the same signing secret."""

    body_methods = ("POST",)

    @allow_unauthenticated
    async def post(self) -> None:
        replicas = self.context.replicas
        if replicas is None:
            raise NotFound
        body = self.read_body()
        replicas.signer.check(self.request.headers, body)
        answer = await self.run_until_disconnect(replicas.answer(body))
        self.set_header("Content-Type", "application/octet-stream")
        self.finish(answer)
