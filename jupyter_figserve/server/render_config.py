"""The settings of rendering, and what is made of them: a renderer, its queue and the signatures. Server process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from traitlets import Bool, Integer, List, TraitError, Unicode, default, validate
from traitlets import Float as FloatTrait
from traitlets.config import Configurable

from ..errors import InvalidInput
from ..sandbox.host.pool import LocalRenderer
from ..sandbox.renderer import Renderer
from ..store.files.render_cache import RenderCache
from ..store.store import Store
from .config import checked_duration, checked_rate, seconds_of
from .services.rendering.queue import RenderQueue
from .services.rendering.request import RenderLimits
from .services.rendering.service import RenderService
from .services.rendering.sizes import AllowedSizes


class RenderConfig(Configurable):
    """The part of FigServe's settings that is about code, redrawing and the sandbox."""

    render_code_bytes = Integer(256 * 1024, min=1, help="The most bytes of posted code.").tag(config=True)
    render_timeout = FloatTrait(
        10.0, min=0.05, help="Seconds that posted code may take when the request names no timeout."
    ).tag(config=True)
    render_timeout_max = FloatTrait(60.0, min=0.05, help="The most seconds that a request may ask for.").tag(
        config=True
    )
    render_memory = Integer(
        2**30, min=2**26, help="Bytes of memory that one render may take beyond what the libraries take."
    ).tag(config=True)
    render_pixels = Integer(
        25_000_000, min=1, help="The most pixels of one drawn picture, looked at before drawing and after."
    ).tag(config=True)
    render_result_bytes = Integer(32 * 2**20, min=1, help="The most bytes of what one render draws.").tag(config=True)
    render_output_bytes = Integer(
        64 * 1024, min=0, help="The most bytes of what posted code prints; what is more is cut off."
    ).tag(config=True)
    render_scratch_bytes = Integer(
        16 * 2**20, min=0, help="The most bytes of the files that posted code writes; they go with it."
    ).tag(config=True)
    render_jobs = Integer(min=1, help="Renders under way at once. Default: the number of processor cores.").tag(
        config=True
    )
    render_warm = Integer(
        min=0, help="Processes that wait ready to draw, about 90 MB each. Default: as many as render_jobs."
    ).tag(config=True)
    render_rest = Unicode(
        "10m",
        help="How long the sandbox's processes wait without work until they end, as a duration ('10m', '12h'); the next"
        " render starts them again, which takes about a second. 'never' keeps them.",
    ).tag(config=True)
    render_queue = Integer(
        32, min=0, help="The most renders that wait for those under way; one more is answered with 503."
    ).tag(config=True)
    rate_limit = Unicode(
        "120/minute", help="How many renders one key, or the login, may ask for, as 'NUMBER/PERIOD'; '' is no limit."
    ).tag(config=True)
    render_python = Unicode(
        help="The Python that draws, with matplotlib in its environment; that of the kernels, say. Default: this one."
    ).tag(config=True)
    render_preload = List(
        Unicode(),
        help="Modules that are loaded before any code comes, such as ['pandas', 'seaborn']: the sandbox starts later,"
        " and code that imports them sooner.",
    ).tag(config=True)
    allow_unsandboxed = Bool(
        False,
        help="Whether posted code may run where this host offers no sandbox: as this server's user, with its files and"
        " network. Only for a machine that holds nothing else.",
    ).tag(config=True)
    render_cache_bytes = Integer(
        512 * 2**20, min=0, help="Bytes on the disk for pictures that can be drawn again; 0 keeps none."
    ).tag(config=True)
    render_url_length = Integer(
        8_000, min=100, help="The most characters of code, compressed, in a signed address of a picture."
    ).tag(config=True)
    render_url_cache_seconds = Integer(
        86_400, min=0, help="Seconds that browsers and proxies may keep the picture of a signed address."
    ).tag(config=True)
    link_sizes = List(
        Unicode(),
        help="Sizes in which a link shows a figure without a signature: 'WIDTH', 'WIDTHxHEIGHT' (pixels), '@DPI', or"
        " 'WIDTHxHEIGHT@DPI'. An empty list allows signed ones alone.",
    ).tag(config=True)
    preserve_svg = Bool(
        True, help="Whether each published matplotlib figure is drawn once more as SVG, which outlives every upgrade."
    ).tag(config=True)
    preserve_bytes = Integer(
        4 * 2**20, min=0, help="The most bytes of a figure's source, and of its SVG, for that; 0 is without limit."
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
        return checked_duration(proposal.value)

    @validate("rate_limit")
    def _check_rate_limit(self, proposal: Any) -> str:
        return checked_rate(proposal.value)

    def make_render_limits(self) -> RenderLimits:
        return RenderLimits(
            code_bytes=self.render_code_bytes,
            timeout=min(self.render_timeout, self.render_timeout_max),
            longest_timeout=self.render_timeout_max,
            pixels=self.render_pixels,
            result_bytes=self.render_result_bytes,
            output_bytes=self.render_output_bytes,
            url_length=self.render_url_length,
            url_cache_seconds=self.render_url_cache_seconds,
        )

    def make_drawing(self, store: Store) -> RenderService:
        cache = RenderCache(Path(store.directory) / "drawn", self.render_cache_bytes)
        queue = RenderQueue(self.make_renderer(), self.render_jobs, self.render_queue, self.render_timeout_max)
        return RenderService(queue, cache, lambda: store.clock())

    def make_renderer(self) -> Renderer:
        """What runs posted code; nothing is started yet."""
        return LocalRenderer(
            render_python=self.render_python,
            memory_bytes=self.render_memory,
            jobs=self.render_jobs,
            warm=self.render_warm,
            pixels=self.render_pixels,
            result_bytes=self.render_result_bytes,
            output_bytes=self.render_output_bytes,
            scratch_bytes=self.render_scratch_bytes,
            timeout=self.render_timeout_max,
            preload=tuple(self.render_preload),
            idle_timeout=seconds_of(self.render_rest),
            allow_unsandboxed=self.allow_unsandboxed,
        )
