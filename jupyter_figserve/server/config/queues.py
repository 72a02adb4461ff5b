"""Traits of the visitors' share of the render queue and of the queues of live calls. Server process."""

from __future__ import annotations

from traitlets import Integer
from traitlets.config import Configurable


class QueueConfig(Configurable):
    """Settings that keep the visitors of links from delaying the owner and each other."""

    render_reserved_jobs = Integer(
        1,
        min=0,
        help="Number of render_jobs kept free for the owner and for keys; renders for visitors of links and signed URLs"
        " use the others, of which there is at least one. 0 reserves none.",
    ).tag(config=True)
    render_link_queue = Integer(
        8,
        min=1,
        help="Maximum number of renders that wait for one link or signed URL; further ones get the status 503.",
    ).tag(config=True)
    live_link_queue = Integer(
        4,
        min=1,
        help="Maximum number of calls of one kernel that wait for one link; further ones are answered with the last"
        " good image, or 503.",
    ).tag(config=True)
