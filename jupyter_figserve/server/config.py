"""The settings of a site: where things are, what is kept, who may see it. Server process.

Those of rendering are in ``rendering``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import limits as rates
from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Dict, Integer, List, TraitError, Unicode, default, validate
from traitlets import Float as FloatTrait
from traitlets.config import Configurable

from ..errors import InvalidDuration
from ..model.times import parse_duration

_GIB = 2**30
_ORIGIN = re.compile(r"\*|https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")


class FigServeConfig(Configurable):
    """The part of FigServe's settings that is not about rendering."""

    data_dir = Unicode(
        help="Directory of figures, links and keys; several servers may share one. Default: figserve/ in Jupyter's data"
        " directory (jupyter --data-dir)."
    ).tag(config=True)
    database_url = Unicode(
        "",
        help="The catalog's database as sqlite:////absolute/path.db, for a catalog on another disk than the figures"
        " (a local one, when data_dir is on a network). Default: catalog.db in data_dir.",
    ).tag(config=True)
    owner = Unicode(help="Whose the figures of this server are. Default: the Hub's user, else 'local'.").tag(
        config=True
    )
    public_url = Unicode(
        "",
        help="This server's address for the world, such as 'https://plots.example.org/jupyter'; links are written with"
        " it. Default: the address by which a request came.",
    ).tag(config=True)
    kernel_url = Unicode(
        "", help="This server's address for kernels on other machines. Default: loopback, or the address listened on."
    ).tag(config=True)
    figure_bytes = Integer(32 * 2**20, min=1, help="The most bytes of one published figure with all its parts.").tag(
        config=True
    )
    figure_pixels = Integer(100_000_000, min=1, help="The most pixels of one published raster picture.").tag(
        config=True
    )
    export_bytes = Integer(
        4 * _GIB, min=0, help="The most bytes of the pictures in one exported zip; 0 is without limit."
    ).tag(config=True)
    body_timeout = FloatTrait(60.0, min=0.1, help="Seconds in which a published figure must have arrived.").tag(
        config=True
    )
    keep_versions = Integer(
        20, min=0, help="The most versions of one figure, not counting those that a link shows; 0 keeps all."
    ).tag(config=True)
    owner_quota = Dict(
        per_key_traits={"figures": Integer(min=0), "bytes": Integer(min=0)},
        default_value={"figures": 100_000, "bytes": 20 * _GIB},
        help="The most figures, and bytes with all versions, of one owner; 0 is without limit.",
    ).tag(config=True)
    session_quota = Dict(
        per_key_traits={"figures": Integer(min=0), "bytes": Integer(min=0)},
        default_value={"figures": 2_000, "bytes": 2 * _GIB},
        help="The most figures, and bytes with all versions, of one kernel's life; 0 is without limit.",
    ).tag(config=True)
    capture = Bool(
        True,
        help="Whether every picture that a kernel displays gets a URL for as long as its session lives; False keeps"
        " only what is published.",
    ).tag(config=True)
    capture_quota = Dict(
        per_key_traits={"plots": Integer(min=0), "bytes": Integer(min=0)},
        default_value={"plots": 200, "bytes": 64 * 2**20},
        help="The most pictures, and bytes, that are captured of one session; older ones make room. 0 is without"
        " limit.",
    ).tag(config=True)
    keep_session_plots = Unicode(
        "7d",
        help="How long unshared plots outlive their session, as a duration ('12h', '7d'); 'never' deletes none."
        " Figures with a link stay.",
    ).tag(config=True)
    keep_deleted = Unicode(
        "1h",
        help="How long a deletion can be undone, as a duration ('1h', '7d'); the figure takes room on the disk until"
        " then. '' deletes at once.",
    ).tag(config=True)
    link_max_age = Unicode("", help="The longest life of a link, as a duration ('90d'); '' is without limit.").tag(
        config=True
    )
    link_cache_seconds = Integer(
        60,
        min=0,
        help="Seconds that browsers and proxies may keep what a public link shows, which is how long a revoked link may"
        " go on showing in them; 0 makes them ask each time.",
    ).tag(config=True)
    embed_origins = List(
        Unicode(),
        help="Origins whose pages may frame a link's /embed, such as ['https://wiki.example.org']; none by default.",
    ).tag(config=True)
    allow_public_shares = Bool(
        help="Whether links that open without login can be made. Default: yes, but no under a JupyterHub."
    ).tag(config=True)
    live_timeout = FloatTrait(
        60.0, min=0.1, help="Seconds that anybody waits for a live figure at most, whatever its own timeout says."
    ).tag(config=True)
    live_queue = Integer(
        16, min=1, help="The most calls that may be there for one kernel at once; more are answered 503."
    ).tag(config=True)
    live_keeps_kernel = Bool(
        False,
        help="Whether a call of a live figure, by a link too, is activity of its kernel and of the server for Jupyter's"
        " culling (MappingKernelManager.cull_idle_timeout, in seconds), so that a figure that is looked at keeps its"
        " kernel. Default: no.",
    ).tag(config=True)
    live_bytes = Integer(32 * 2**20, min=1, help="The most bytes of one live picture.").tag(config=True)
    detach_bytes = Integer(
        16 * 2**20, min=1, help="The most bytes of one detached live function, with the data that it closes over."
    ).tag(config=True)
    keep_live_pictures = Unicode(
        "7d",
        help="How long a live figure's last good picture is shown, marked as stale, when its kernel is busy or gone, as"
        " a duration ('12h', '7d'); 'never' for ever.",
    ).tag(config=True)
    live_link_rate = Unicode(
        "120/minute",
        help="How often one link onto a live figure may call its kernel, as 'NUMBER/PERIOD'; viewers who ask the same"
        " at the same time are one call. '' is without limit.",
    ).tag(config=True)
    allow_public_live = Bool(
        help="Whether links onto live figures work: their viewers call functions in a kernel. Default: as"
        " allow_public_shares."
    ).tag(config=True)
    failed_secret_rate = Unicode(
        "300/minute", help="How many wrong keys and links one address may try, as 'NUMBER/PERIOD'; '' is without limit."
    ).tag(config=True)
    cache_bytes = Integer(
        64 * 2**20, min=0, help="Bytes of memory for pictures that were read lately; 0 reads each from the disk."
    ).tag(config=True)

    @default("data_dir")
    def _default_data_dir(self) -> str:
        return str(Path(jupyter_data_dir()) / "figserve")

    @default("owner")
    def _default_owner(self) -> str:
        return os.environ.get("JUPYTERHUB_USER", "local")

    @default("allow_public_shares")
    def _default_allow_public_shares(self) -> bool:
        return "JUPYTERHUB_SERVICE_PREFIX" not in os.environ

    @default("allow_public_live")
    def _default_allow_public_live(self) -> bool:
        return bool(self.allow_public_shares)

    @validate("keep_live_pictures", "keep_session_plots", "keep_deleted", "link_max_age")
    def _check_duration(self, proposal: Any) -> str:
        return checked_duration(proposal.value)

    @validate("embed_origins")
    def _check_origins(self, proposal: Any) -> list[str]:
        """They go into a policy's header, where a semicolon would begin another rule."""
        origins = [origin.rstrip("/") for origin in proposal.value]
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise TraitError(
                    f"{origin!r:.80} is not an origin; write scheme, host and port alone, like"
                    " 'https://wiki.example.org'. On a command line, repeat the option for each."
                )
        return origins

    @validate("public_url", "kernel_url")
    def _check_url(self, proposal: Any) -> str:
        value: str = proposal.value
        parts = urlsplit(value)
        known = parts.scheme in ("http", "https") and parts.netloc and not (parts.query or parts.fragment)
        if value and not known:
            raise TraitError(f"{value!r:.80} is not an address; write it like 'https://plots.example.org/jupyter'.")
        return value

    @validate("failed_secret_rate", "live_link_rate")
    def _check_rate(self, proposal: Any) -> str:
        return checked_rate(proposal.value)

    @validate("database_url")
    def _check_database_url(self, proposal: Any) -> str:
        value: str = proposal.value
        if value and not value.startswith("sqlite:////"):
            raise TraitError("database_url is sqlite:////absolute/path.db; other databases are not served yet.")
        return value


def seconds_of(duration: str) -> float | None:
    """A setting's duration; None for ever, or for no limit."""
    return None if duration in ("", "never") else parse_duration(duration)


def checked_rate(rate: str) -> str:
    """A setting's rate as it is.

    Raises
    ------
    TraitError
        When it is none.
    """
    try:
        if rate:
            rates.parse(rate)
    except ValueError as error:
        raise TraitError(f"{rate!r} is not a rate; write it like '120/minute'.") from error
    return rate


def checked_duration(duration: str) -> str:
    """A setting's duration as it is.

    Raises
    ------
    TraitError
        When it is none.
    """
    if duration not in ("", "never"):
        try:
            parse_duration(duration)
        except InvalidDuration as error:
            raise TraitError(error.message) from error
    return duration
