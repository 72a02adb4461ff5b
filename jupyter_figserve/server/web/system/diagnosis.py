"""``/api/diagnosis``: the server's report on itself, for ``jupyter figserve doctor``. Server process."""

from __future__ import annotations

import os
import platform
import sys

from jupyter_server.auth.decorator import authorized
from tornado import web

from .... import __version__
from ....model.keys import ADMIN
from ....model.times import rfc3339
from ...services.diagnosis import inspect_blobs, inspect_data_directory, inspect_database
from ..http.private_handler import AuthenticatedHandler


class DiagnosisHandler(AuthenticatedHandler):
    """``/api/diagnosis``. It contains paths and addresses of this machine, so it needs a login or an admin's key."""

    scopes = {"GET": ADMIN, "HEAD": ADMIN}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        context, store = self.context, self.context.store
        directory = await inspect_data_directory(store)
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
                "database": await inspect_database(store),
                "blobs": await inspect_blobs(store),
            }
        )

    head = get
