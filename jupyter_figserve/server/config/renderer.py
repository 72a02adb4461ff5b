"""Where rendering happens, as traits: on this machine, on render workers, or on a Dask cluster. Server process."""

from __future__ import annotations

import logging
import os
import re
from typing import Any
from urllib.parse import urlsplit

from traitlets import Enum, Float, TraitError, Unicode, validate

from ...errors import InvalidInput
from ...sandbox.host.job_limits import JobLimits
from ...sandbox.host.pool import SOURCE_BYTES
from ...sandbox.remote.dask_exchange import DaskExchange
from ...sandbox.remote.dask_renderer import DaskRenderer
from ...sandbox.remote.http_exchange import HttpExchange
from ...sandbox.remote.http_renderer import HttpRenderer
from ...sandbox.remote.keys import read_keys
from ...sandbox.remote.remote_renderer import RemoteLimits
from ...sandbox.renderer import Renderer
from ..services.addresses import is_loopback
from ..services.hosts import is_address
from .rendering import RenderConfig

_DASK_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[^\s/@]+:[0-9]{1,5}/?")
_log = logging.getLogger("jupyter_figserve")


class RendererConfig(RenderConfig):
    """Settings of the renderer."""

    renderer = Enum(
        ["local", "http", "dask"],
        "local",
        help="Where posted code and sources are rendered: 'local' in processes of this machine, 'http' on the render"
        " workers (`jupyter figserve worker`) behind renderer_url, 'dask' on the workers of the Dask cluster whose"
        " scheduler is at renderer_url. The limits of time, pixels, results and output hold for all;"
        " render_python is the workers' own.",
    ).tag(config=True)
    renderer_url = Unicode(
        "",
        help="Address of the render workers, or of the load balancer in front of them, such as 'http://10.0.0.4:8750';"
        " for 'dask', that of the scheduler, such as 'tcp://10.0.0.4:8786' or 'tls://10.0.0.4:8786'.",
    ).tag(config=True)
    renderer_key_file = Unicode(
        "",
        help="File (mode 0600) with the key that the render workers require. Default: the environment variable"
        " FIGSERVE_WORKER_KEY.",
    ).tag(config=True)
    renderer_ca_file = Unicode(
        "", help="File of certificates to trust for an https renderer_url. Default: those of the system."
    ).tag(config=True)
    renderer_connect_timeout = Float(
        0.8, min=0.05, help="Time to connect to a render worker or to its load balancer, in seconds."
    ).tag(config=True)
    renderer_queue_timeout = Float(
        3.0,
        min=0,
        help="Time that a render waits for a free render worker after its turn in this server's own queue, in seconds;"
        " then it gets the status 503.",
    ).tag(config=True)

    @validate("renderer_ca_file", "renderer_key_file")
    def _check_file(self, proposal: Any) -> str:
        path = str(proposal.value)
        if path and not _is_readable(path):
            raise TraitError(f"FigServe.{proposal.trait.name} = {path!r} is not a readable file.")
        return path

    def make_renderer(self) -> Renderer:
        """Return the configured renderer, which has not started any process yet.

        Raises
        ------
        InvalidInput
            The settings of a remote renderer are incomplete or wrong.
        """
        if self.renderer == "local":
            return self.make_local_renderer()
        return self._make_dask_renderer() if self.renderer == "dask" else self._make_http_renderer()

    @property
    def _remote_limits(self) -> RemoteLimits:
        return RemoteLimits(
            JobLimits(self.render_pixels, SOURCE_BYTES, self.render_timeout_max),
            self.render_result_bytes,
            self.render_output_bytes,
            self.renderer_queue_timeout,
            self.allow_unsandboxed,
        )

    def _make_http_renderer(self) -> Renderer:
        if not is_address(self.renderer_url):
            raise InvalidInput(
                f"FigServe.renderer = 'http' needs the address of the render workers, not {self.renderer_url!r:.100};"
                " set FigServe.renderer_url to one such as 'http://127.0.0.1:8750'."
            )
        exchange = HttpExchange(
            self.renderer_url, connect_timeout=self.renderer_connect_timeout, ca_file=self.renderer_ca_file
        )
        keys = self.read_worker_keys()
        if not keys and not is_loopback(urlsplit(self.renderer_url).netloc):
            _log.warning("The render workers at FigServe.renderer_url require no key that this server would have.")
        return HttpRenderer(exchange, self._remote_limits, keys)

    def _make_dask_renderer(self) -> Renderer:
        if not _DASK_ADDRESS.fullmatch(self.renderer_url):
            raise InvalidInput(
                f"FigServe.renderer = 'dask' needs the address of a Dask scheduler, not {self.renderer_url!r:.100}; set"
                " FigServe.renderer_url to one such as 'tcp://127.0.0.1:8786'."
            )
        exchange = DaskExchange(self.renderer_url, self.renderer_connect_timeout)
        return DaskRenderer(exchange, self._remote_limits, self.pool_settings)

    def read_worker_keys(self) -> tuple[str, ...]:
        """Return the keys that servers and workers share.

        Raises
        ------
        InvalidInput
            They cannot be used; the message says what to do.
        """
        return read_keys(self.renderer_key_file)


def _is_readable(path: str) -> bool:
    try:
        return os.access(path, os.R_OK) and not os.path.isdir(path)
    except ValueError:
        # No path has a null character or half of a surrogate pair.
        return False
