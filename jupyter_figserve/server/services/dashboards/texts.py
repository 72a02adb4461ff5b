"""Renders the Markdown of dashboards in a thread, once for each text. Server process."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from cachetools import LRUCache

from ....model.markdown import render_markdown

_CACHE_BYTES = 16 * 2**20
# A thread of its own, as long texts would take those that read images.
_executor = ThreadPoolExecutor(1, "figserve-markdown")
_rendered: LRUCache[str, str] = LRUCache(_CACHE_BYTES, getsizeof=len)


async def render_text(markdown: str) -> str:
    """Return the HTML of a Markdown text."""
    found = _rendered.get(markdown)
    if found is None:
        found = await asyncio.get_running_loop().run_in_executor(_executor, render_markdown, markdown)
        if len(found) <= _CACHE_BYTES // 8:
            _rendered[markdown] = found
    return found
