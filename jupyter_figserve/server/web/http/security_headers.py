"""Security headers of every kind of response, which make untrusted bytes harmless in Jupyter's origin. Server process.

A same-origin SVG or HTML document with a script could do everything that its viewer may do in Jupyter, so each kind of
response has its own policy. Each was tested in Chromium and Firefox with a script that reads the cookie, calls the API,
loads an external image, opens a window and navigates.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ....model.formats import Format
from ....model.html.policy import HTML_POLICY

NONE = "'none'"
JSON_POLICY = f"default-src 'none'; frame-ancestors {NONE}"
_INERT = "default-src 'none'; sandbox"
_SVG = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none';"
    " form-action 'none'; sandbox"
)
# Safari shows no PDF under "sandbox"; a PDF's own scripts run in the viewer, not in the origin.
_PDF = "default-src 'none'; style-src 'unsafe-inline'; object-src 'none'"
_HTML_IN_FRAME = f"{HTML_POLICY}; sandbox allow-scripts"
_PAGE = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self';"
    " frame-src {frames}; base-uri 'none'; form-action 'self'"
)
_NO_CONNECTIONS = {"Connection-Allowlist": "()"}
"""No connection of any kind, WebRTC and DNS prefetching included, which a Content-Security-Policy does not reach.

Source: wicg.github.io/connection-allowlists. Chromium's; it does not know the policy's ``webrtc 'block'``.
"""
COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


def frame_ancestors(origins: Sequence[str], *, own: bool = False) -> str:
    """Return ``frame-ancestors`` for an allow-list of origins; 'none' when it is empty."""
    allowed = (["'self'"] if own else []) + list(origins)
    return " ".join(allowed) or NONE


@lru_cache(maxsize=256)
def image_headers(row: Format, *, public: bool) -> dict[str, str]:
    """Return the headers of an image or a document opened by itself; HTML runs no script."""
    policy = {"svg": _SVG, "svgz": _SVG, "pdf": _PDF}.get(row.name, _INERT)
    return COMMON | {
        "Content-Security-Policy": f"{policy}; frame-ancestors {NONE}",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "cross-origin" if public else "same-origin",
    }


def frame_headers(ancestors: str, *, is_frame: bool) -> dict[str, str]:
    """Return the headers of raw HTML in our sandboxed frame; outside of a frame it runs no script."""
    return (
        COMMON
        | _NO_CONNECTIONS
        | {
            "Content-Security-Policy": f"{_HTML_IN_FRAME if is_frame else _INERT}; frame-ancestors {ancestors}",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
    )


def page_headers(ancestors: str = NONE, frames: str = NONE) -> dict[str, str]:
    """Return the headers of our pages: no inline script or style, and no requests to other origins."""
    headers = COMMON | {
        "Content-Security-Policy": f"{_PAGE.format(frames=frames)}; frame-ancestors {ancestors}",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return headers | ({"X-Frame-Options": "DENY"} if ancestors == NONE else {})


JSON_HEADERS = COMMON | {
    "Content-Security-Policy": JSON_POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
