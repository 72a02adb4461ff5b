"""Reproducible ids of the clip paths in an SVG of matplotlib before 3.10. Kernel and jailed child.

It hashes the memory address of a clip path into its id, which differs in another process, and when a cell runs again.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

_CLIP_PATH = re.compile(rb'<clipPath id="(p[0-9a-f]{10})"')


def with_reproducible_ids(svg: bytes) -> bytes:
    """Return an SVG whose clip paths are named by their order; unchanged from versions that name them so already."""
    if _are_reproducible():
        return svg
    names = {name: b"p%s" % hashlib.sha256(b"clip %d" % at).hexdigest()[:10].encode() for at, name in _numbered(svg)}
    if not names:
        return svg
    references = re.compile(rb'(url\(#|<clipPath id=")(p[0-9a-f]{10})(?=[")])')
    return references.sub(lambda match: match[1] + names.get(match[2], match[2]), svg)


def _numbered(svg: bytes) -> list[tuple[int, bytes]]:
    """Return the ids by the first use of each, which follows the order of drawing."""
    defined = set(_CLIP_PATH.findall(svg))
    used = dict.fromkeys(re.findall(rb"url\(#(p[0-9a-f]{10})\)", svg))
    return list(enumerate(name for name in used if name in defined))


@lru_cache(maxsize=1)
def _are_reproducible() -> bool:
    from matplotlib.backends.backend_svg import RendererSVG

    return hasattr(RendererSVG, "_get_clippath_id")
