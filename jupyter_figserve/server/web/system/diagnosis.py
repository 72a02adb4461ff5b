"""``/api/diagnosis``: the server's report on itself, for ``jupyter figserve doctor``. Server process."""

from __future__ import annotations

import asyncio
import os
import platform
import sys

from jupyter_server.auth.decorator import authorized
from tornado import web

from .... import __version__
from ....model.keys import ADMIN
from ....model.times import rfc3339
from ....store.admin.diagnosis import inspect_directory
from ..http.private_handler import AuthenticatedHandler


class DiagnosisHandler(AuthenticatedHandler):
    """``/api/diagnosis``. It contains paths and addresses of this machine, so it needs a login or an admin's key."""

    scopes = {"GET": ADMIN, "HEAD": ADMIN}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        context, store = self.context, self.context.store
        # In a thread, since a network file system may be slow.
        loop = asyncio.get_running_loop()
        directory = await loop.run_in_executor(None, inspect_directory, store.directory, store.catalog.path)
        self.write_json(
            {
                "version": __version__,
                "host": context.config.host_kind,
                "process": os.getpid(),
                "python": sys.executable,
                "python_version": platform.python_version(),
                "time": rfc3339(store.clock()),
                "public_url": context.addresses.public_url,
                "kernel_url": context.addresses.for_kernels(),
                "read_only_because": store.read_only_because,
                "directory": directory.as_json(),
            }
        )

    head = get
