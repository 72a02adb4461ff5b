"""Kernels of users' servers over HTTP: a server registers them with the JupyterHub's service. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Forbidden, InvalidInput, NotFound
from ....model.keys import PUBLISH, split_key
from ....model.places import strip_drive
from ....model.texts import validate_single_line
from ...services.sessions.registered_kernels import LEASE_SECONDS, KernelReport, RegisteredKernels
from ..http.private_handler import AuthenticatedHandler

_MAX_PATH_LENGTH = 1_000
_REPORT_FIELDS = ("scope", "notebook", "renamed_from", "key")


class KernelHandler(AuthenticatedHandler):
    """``/api/kernels/{id}``."""

    scopes = {"PUT": PUBLISH, "DELETE": PUBLISH}
    body_methods = ("PUT",)

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def put(self, kernel: str) -> None:
        """Register a kernel, or renew its lease; the response has its key when it is new."""
        registered = self._get_registry()
        key = await registered.register(self.principal.owner, self._parse_report(kernel))
        body = {"id": kernel, "url": self.base.url, "lease": LEASE_SECONDS}
        self.write_json(body | ({"key": key} if key else {}), 201 if key else 200)

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self, kernel: str) -> None:
        if not await self._get_registry().end(self.principal.owner, kernel):
            raise NotFound("There is no such kernel.", code="kernel_not_found")
        self.write_no_content()

    def _get_registry(self) -> RegisteredKernels:
        registered = self.context.registered_kernels
        if registered is None:
            raise NotFound("Only the service of a JupyterHub registers kernels.", code="no_service")
        if not self.principal.is_login:
            raise Forbidden("A key cannot register kernels. Send a token of the JupyterHub.", code="login_needed")
        return registered

    def _parse_report(self, kernel: str) -> KernelReport:
        body = self.json_body(_REPORT_FIELDS)
        texts = {name: validate_single_line(body.get(name), name, _MAX_PATH_LENGTH) for name in _REPORT_FIELDS}
        if texts["key"] and split_key(texts["key"]) is None:
            raise InvalidInput("The key is malformed.")
        return KernelReport(
            kernel,
            texts["scope"] or self.context.config.scope,
            strip_drive(texts["notebook"]),
            strip_drive(texts["renamed_from"]),
            texts["key"],
        )


class MoveHandler(AuthenticatedHandler):
    """``/api/notebooks/move``: a notebook or directory has a new path."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self) -> None:
        body = self.json_body(("scope", "from", "to"))
        old, new, scope = (
            validate_single_line(body.get(name), name, _MAX_PATH_LENGTH) for name in ("from", "to", "scope")
        )
        old, new = (strip_drive(path).strip("/") for path in (old, new))
        if not old or not new:
            raise InvalidInput("from and to must be the old and the new path of a notebook or directory.")
        moved = await self.context.store.rename_notebook(
            self.principal.owner, scope or self.context.config.scope, old, new
        )
        self.write_json({"moved": moved})
