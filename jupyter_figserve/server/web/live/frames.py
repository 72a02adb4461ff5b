"""HTML of live figures in the sandboxed frame of a page: drawn first, then had by a signed address. Server process."""

from __future__ import annotations

from ....errors import UnsupportedType
from ....model.formats import FORMATS, Format
from ...services.live.service import LiveResult
from ..http import security_headers
from ..http.handler import FigServeHandler

PARAMETER = "_frame"
"""In the query of a live figure's HTML: asks for the address of a frame that shows it."""


def signed_frame_url(address: str, query: str | None) -> str:
    """What a frame without our script shows: the HTML of ``address``, which has no suffix, as ``query`` has it."""
    return f"{address}.html?" + (f"{query}&" if query else "") + f"{PARAMETER}=1"


def is_wanted(handler: FigServeHandler, row: Format) -> bool:
    """Whether a request asks for a frame's address.

    Raises
    ------
    UnsupportedType
        When it does so of anything but HTML.
    """
    if PARAMETER not in handler.request.query_arguments:
        return False
    if row is not FORMATS["html"]:
        raise UnsupportedType(f"Only HTML is shown in a frame; ask for .html with {PARAMETER}.")
    return True


def send_frame(handler: FigServeHandler, shown: LiveResult, link: str | None) -> None:
    """The frame's address for a minute: as JSON to our script, and to a frame itself as a redirection.

    Parameters
    ----------
    link
        The id of the link by which it was asked for, which must stay open.
    """
    assert shown.picture is not None, "whoever asks for a frame has nothing yet"
    handler.set_header("Cache-Status", shown.cache_status)
    if shown.age:
        handler.set_header("Age", str(shown.age))
    signed = handler.context.frame_signer.sign(shown.picture.live, shown.picture.key, link)
    address = f"{handler.relative_root}/frame/{signed}.html"
    if "application/json" in handler.request.headers.get("Accept", ""):
        handler.write_json({"frame": address})
        return
    origins = security_headers.frame_ancestors(handler.context.config.embed_origins, own=True)
    handler.replace_headers(
        security_headers.frame_headers(origins, is_frame=False) | {"Cache-Control": "private, no-store"}
    )
    handler.redirect(address, status=303)
