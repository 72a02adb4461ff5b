"""The settings of rendering as traits. Server process."""

from __future__ import annotations

import os
import sys
from typing import Any

from traitlets import Bool, Integer, List, TraitError, Unicode, default, validate
from traitlets import Float as FloatTrait
from traitlets.config import Configurable

from ...errors import InvalidInput
from ...sandbox.host.pool import LocalRenderer
from ..services.links.allowed_sizes import AllowedSizes
from .values import check_duration, check_rate, seconds_of


class RenderConfig(Configurable):
    """Settings of posted code, of other sizes and formats of published figures, and of the sandbox."""

    render_code_bytes = Integer(256 * 1024, min=1, help="Maximum size of posted code, in bytes.").tag(config=True)
    render_timeout = FloatTrait(
        10.0, min=0.05, help="Time limit of posted code, in seconds, when the request names none."
    ).tag(config=True)
    render_timeout_max = FloatTrait(60.0, min=0.05, help="Maximum time limit that a request may set, in seconds.").tag(
        config=True
    )
    render_memory = Integer(
        2**30, min=2**26, help="Memory limit of one render, in bytes, beyond the memory of the libraries."
    ).tag(config=True)
    render_pixels = Integer(
        25_000_000,
        min=1,
        help="Maximum number of pixels (width x height) of one rendered image, checked before and after the render.",
    ).tag(config=True)
    render_result_bytes = Integer(32 * 2**20, min=1, help="Maximum size of the images of one render, in bytes.").tag(
        config=True
    )
    render_output_bytes = Integer(
        64 * 1024, min=0, help="Maximum size of the output that posted code prints, in bytes; the rest is cut off."
    ).tag(config=True)
    render_scratch_bytes = Integer(
        16 * 2**20,
        min=0,
        help="Maximum size of the files that posted code writes, in bytes; they are deleted after the render.",
    ).tag(config=True)
    render_jobs = Integer(
        min=1, help="Maximum number of renders that run at once. Default: the number of processor cores."
    ).tag(config=True)
    render_warm = Integer(
        min=0,
        help="Number of idle processes kept ready to render, about 90 MB each; 0 keeps none. Default: as render_jobs.",
    ).tag(config=True)
    render_rest = Unicode(
        "10m",
        help="Idle time after which the processes of the sandbox end, as a duration ('10m', '12h'); the next render"
        " starts them again, which takes about a second. 'never' keeps them.",
    ).tag(config=True)
    render_queue = Integer(
        32, min=0, help="Maximum number of renders that wait for a free slot; further ones get the status 503."
    ).tag(config=True)
    rate_limit = Unicode(
        "120/minute",
        help="Maximum number of renders for each key, for the login and for each link, as 'NUMBER/PERIOD'; '' for no"
        " limit. Images of published figures count when they are rendered, not when they are stored or cached.",
    ).tag(config=True)
    render_python = Unicode(
        help="Python interpreter that renders, with matplotlib in its environment, such as that of the kernels."
        " Default: the interpreter of this server."
    ).tag(config=True)
    render_preload = List(
        Unicode(),
        help="Modules to import before any code arrives, such as ['pandas', 'seaborn']: the sandbox takes longer to"
        " start, and code that imports them runs sooner. Default: none; render_learned_memory learns them.",
    ).tag(config=True)
    render_learned_memory = Integer(
        512 * 2**20,
        min=0,
        help="Memory, in bytes, for libraries that the sandbox imports ahead once posted code has imported them, such"
        " as pandas, seaborn and Altair: the first render pays for the import, later ones do not. 0 imports none.",
    ).tag(config=True)
    allow_unsandboxed = Bool(
        False,
        help="Whether posted code may run without a sandbox where this host offers none: as the user of this server,"
        " with its files and network. Only for a machine that holds nothing else. Default: False.",
    ).tag(config=True)
    render_cache_bytes = Integer(
        512 * 2**20, min=0, help="Size of the disk cache of rendered images, in bytes; 0 caches none."
    ).tag(config=True)
    render_url_length = Integer(
        8_000, min=100, help="Maximum length of the compressed code in a signed render URL, in characters."
    ).tag(config=True)
    render_url_cache_seconds = Integer(
        86_400,
        min=0,
        help="Seconds for which browsers and proxies may cache the image of a signed render URL; 0 makes them"
        " revalidate each time.",
    ).tag(config=True)
    link_sizes = List(
        Unicode(),
        help="Sizes in which a link shows a figure without a signature: 'WIDTH', 'WIDTHxHEIGHT' (pixels), '@DPI', or"
        " 'WIDTHxHEIGHT@DPI'. An empty list allows only signed sizes.",
    ).tag(config=True)
    preserve_bytes = Integer(
        4 * 2**20,
        min=0,
        help="Maximum size, in bytes, of the SVG that the kernel stores with each matplotlib figure, for HiDPI screens"
        " and later versions of matplotlib; instead of a larger one, a PNG of twice the resolution is stored. 0 stores"
        " neither.",
    ).tag(config=True)

    @default("render_jobs")
    def _default_render_jobs(self) -> int:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @default("render_warm")
    def _default_render_warm(self) -> int:
        return self.render_jobs

    @default("render_python")
    def _default_render_python(self) -> str:
        return sys.executable

    @default("link_sizes")
    def _default_link_sizes(self) -> list[str]:
        return ["320", "640", "960", "1280", "1920", "640x480", "1200x630", "1280x720", "1920x1080", "@150", "@200"]

    @validate("link_sizes")
    def _check_link_sizes(self, proposal: Any) -> list[str]:
        try:
            AllowedSizes.parse(proposal.value)
        except InvalidInput as error:
            raise TraitError(error.message) from error
        value: list[str] = proposal.value
        return value

    @validate("render_rest")
    def _check_render_rest(self, proposal: Any) -> str:
        return check_duration(proposal.value)

    @validate("rate_limit")
    def _check_rate_limit(self, proposal: Any) -> str:
        return check_rate(proposal.value)

    @property
    def pool_settings(self) -> dict[str, Any]:
        """Settings of a pool that are the same on every machine."""
        return {
            "memory_bytes": self.render_memory,
            "pixels": self.render_pixels,
            "result_bytes": self.render_result_bytes,
            "output_bytes": self.render_output_bytes,
            "scratch_bytes": self.render_scratch_bytes,
            "timeout": self.render_timeout_max,
            "preload": list(self.render_preload),
            "learned_bytes": self.render_learned_memory,
            "allow_unsandboxed": self.allow_unsandboxed,
        }

    def make_local_renderer(self, *, keeps_running: bool = False) -> LocalRenderer:
        """Return a pool of this machine, which has not started yet; it may keep its processes while idle."""
        return LocalRenderer(
            render_python=self.render_python,
            jobs=self.render_jobs,
            warm=self.render_warm,
            idle_timeout=None if keeps_running else seconds_of(self.render_rest),
            **self.pool_settings,
        )
