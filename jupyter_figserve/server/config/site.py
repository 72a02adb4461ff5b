"""Traits of addresses, storage and links. Server process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Dict, Integer, List, TraitError, Unicode, default, validate
from traitlets.config import Configurable

from ..services.figures.blob_handover import is_handover_target
from ..services.hosts import is_address, normalize_url
from .values import check_duration, check_rate, seconds_of

_GIB = 2**30
_ORIGIN = re.compile(r"\*|https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")


class SiteConfig(Configurable):
    """Settings of addresses, storage and links."""

    data_dir = Unicode(
        help="Directory of figures, links and keys; several servers may share it. Default: figserve/ in Jupyter's data"
        " directory (jupyter --data-dir)."
    ).tag(config=True)
    owner = Unicode(
        help="Owner of the figures of this server. Default: the user's name under a JupyterHub, else 'local'."
    ).tag(config=True)
    kernel_url = Unicode(
        "",
        help="Address of this server for kernels on other machines. Default: loopback, or the address that the server"
        " listens on.",
    ).tag(config=True)
    figure_bytes = Integer(
        32 * 2**20, min=1, help="Maximum size of one published figure with all its parts, in bytes."
    ).tag(config=True)
    figure_pixels = Integer(
        100_000_000, min=1, help="Maximum number of pixels (width x height) of one published raster image."
    ).tag(config=True)
    animation_frames = Integer(
        1_000, min=1, help="Maximum number of frames of one published animation. Kernels learn it from api/status."
    ).tag(config=True)
    export_bytes = Integer(
        4 * _GIB, min=0, help="Maximum size of the images in one exported zip, in bytes; 0 for no limit."
    ).tag(config=True)
    keep_versions = Integer(
        20,
        min=0,
        help="Maximum number of versions kept of one figure, not counting those that a link shows; 0 keeps all.",
    ).tag(config=True)
    owner_quota = Dict(
        per_key_traits={"figures": Integer(min=0), "bytes": Integer(min=0)},
        default_value={"figures": 100_000, "bytes": 20 * _GIB},
        help="Maximum number of figures of one owner, and of bytes in all their versions; 0 for no limit.",
    ).tag(config=True)
    session_quota = Dict(
        per_key_traits={"figures": Integer(min=0), "bytes": Integer(min=0)},
        default_value={"figures": 2_000, "bytes": 2 * _GIB},
        help="Maximum number of figures of one session (the life of a kernel), and of bytes in all their versions; 0"
        " for no limit.",
    ).tag(config=True)
    access_log = Bool(
        True,
        help="Whether each request to a route of figserve is logged as one line, at level INFO (WARNING and ERROR for"
        " failures), without secrets; False leaves failures to Jupyter's own lines and logs no success.",
    ).tag(config=True)
    keep_session_plots = Unicode(
        "7d",
        help="How long figures without a link outlive their session, as a duration ('12h', '7d'); 'never' keeps them"
        " forever. Figures with a link stay.",
    ).tag(config=True)
    keep_deleted = Unicode(
        "7d",
        help="How long a deletion can be undone, as a duration ('1h', '7d'); the figure takes up disk space until then."
        " '' deletes at once.",
    ).tag(config=True)
    link_max_age = Unicode("", help="Maximum lifetime of a link, as a duration ('90d'); '' for no limit.").tag(
        config=True
    )
    link_cache_seconds = Integer(
        60,
        min=0,
        help="Seconds for which browsers and proxies may cache what a public link shows; a revoked link may stay"
        " visible that long. 0 makes them revalidate each time.",
    ).tag(config=True)
    embed_origins = List(
        Unicode(),
        help="Origins whose pages may frame the /embed page of a link, such as ['https://wiki.example.org']. Default:"
        " none.",
    ).tag(config=True)
    failed_secret_rate = Unicode(
        "300/minute",
        help="How many wrong keys and links one IP address may try, as 'NUMBER/PERIOD'; '' for no limit.",
    ).tag(config=True)
    cache_bytes = Integer(
        64 * 2**20,
        min=0,
        help="Size of the memory cache of recently read images, in bytes; 0 reads every image from disk.",
    ).tag(config=True)

    sendfile = Unicode(
        help="How the web server in front sends stored images from their files: the internal location of nginx whose"
        " alias is the directory blobs/ of data_dir, such as '/figserve-blobs/' (X-Accel-Redirect), or 'X-Sendfile' for"
        " Apache and lighttpd. deploy/nginx.conf has the rules that keep the headers. '' sends them from this process."
    ).tag(config=True)

    @property
    def link_max_seconds(self) -> float | None:
        """``link_max_age`` in seconds, None for no limit."""
        return seconds_of(self.link_max_age)

    @default("data_dir")
    def _default_data_dir(self) -> str:
        return str(Path(jupyter_data_dir()) / "figserve")

    @default("owner")
    def _default_owner(self) -> str:
        return os.environ.get("JUPYTERHUB_USER", "local")

    @validate("keep_session_plots", "keep_deleted", "link_max_age")
    def _check_duration(self, proposal: Any) -> str:
        return check_duration(proposal.value)

    @validate("embed_origins")
    def _check_origins(self, proposal: Any) -> list[str]:
        """Origins are written into a Content-Security-Policy, where a semicolon would begin another directive."""
        origins = [normalize_url(origin.rstrip("/")) for origin in proposal.value]
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise TraitError(
                    f"{origin!r:.80} is not an origin; write only scheme, host and port, like"
                    " 'https://wiki.example.org'. On a command line, repeat the option for each origin."
                )
        return origins

    @validate("public_url", "kernel_url")
    def _check_url(self, proposal: Any) -> str:
        value: str = proposal.value
        if value and not is_address(value):
            raise TraitError(f"{value!r:.80} is not an address; write it like 'https://plots.example.org/jupyter'.")
        return value

    @validate("failed_secret_rate")
    def _check_rate(self, proposal: Any) -> str:
        return check_rate(proposal.value)

    @validate("sendfile")
    def _check_sendfile(self, proposal: Any) -> str:
        value: str = proposal.value
        if value and not is_handover_target(value):
            raise TraitError(f"{value!r:.80} is neither X-Sendfile nor a location; write it like '/figserve-blobs/'.")
        return value

    @validate("data_dir")
    def _check_data_dir(self, proposal: Any) -> str:
        """A command line does not expand the ``~`` of ``--FigServe.data_dir=~/figures``."""
        value: str = proposal.value
        if "\0" in value:
            raise TraitError(f"{value!r:.80} is not a directory; write it like '/srv/figures'.")
        return os.path.expanduser(value) if value else self._default_data_dir()
