"""``figserve.render``: run code in the server's sandbox instead of this kernel. Kernel."""

from __future__ import annotations

import warnings
from typing import Any

from .client.batch_server import get_connection


def render(
    code: str,
    format: str = "png",
    *,
    width: int | None = None,
    height: int | None = None,
    dpi: float | None = None,
    style: str | None = None,
    transparent: bool = False,
    tight: bool = False,
    figure: int | str | None = None,
    timeout: float | str | None = None,
    seed: int | None = None,
) -> bytes:
    """Return the image that ``code`` draws in the server's sandbox, and warn of missing glyphs and the like.

    Parameters
    ----------
    code
        Python code as in a cell. It has no access to this kernel, to files or to the network.
    format
        Name of the format: ``"png"``, ``"svg"``, ``"pdf"``, ``"jpg"``, ``"webp"``, ``"avif"``, ``"gif"``, …
    width, height
        Pixels at ``dpi``, or at 96 dpi for vector formats; None is the figure's own size.
    dpi
        Resolution in pixels per inch; None is the figure's own.
    style
        Name of a matplotlib style.
    transparent
        Whether the background is transparent.
    tight
        Crop or extend the image to its content.
    figure
        Number of the figure; None is that of the last expression, else the current one; ``"all"`` is a zip of all.
    timeout
        Seconds, or a duration such as ``"20s"``; None is the server's default.
    seed
        Seed of ``random`` and of numpy's legacy generator; the server caches seeded renders.

    Returns
    -------
    bytes
        The encoded image, or the zip file.

    Raises
    ------
    CodeFailed, OutputInvalid
        The code raises an exception, or draws no figure.
    DeadlineExceeded
        It takes longer than ``timeout``.
    SandboxUnavailable
        The server has no sandbox.
    TooManyRequests
        ``FigServe.rate_limit`` is used up; ``retry_after`` is in seconds.
    """
    return _request_image(_fields(locals()))


def render_url(
    code: str,
    format: str = "svg",
    *,
    width: int | None = None,
    height: int | None = None,
    dpi: float | None = None,
    style: str | None = None,
    transparent: bool = False,
    tight: bool = False,
    figure: int | None = None,
    timeout: float | str | None = None,
    seed: int | None = None,
) -> str:
    """Return a signed URL of the image that ``code`` draws, for a README or a wiki; it is rendered when opened.

    The URL contains the code, readable by anyone who has it.

    Parameters
    ----------
    code, format, width, height, dpi, style, transparent, tight, figure, timeout, seed
        As in ``render``.

    Returns
    -------
    str
        The absolute URL, which does not expire.

    Raises
    ------
    TooLarge
        The code does not fit into a URL.
    """
    response: dict[str, Any] = get_connection().client.post("api/renders/url", _fields(locals()))
    return str(response["url"])


def _request_image(fields: dict[str, Any]) -> bytes:
    """Return the image of a render; repeat the server's warnings at the caller's caller."""
    image, messages = get_connection().client.post_for_image("api/renders", fields)
    for message in messages:
        warnings.warn(message, stacklevel=3)
    return image


def _fields(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that differ from their defaults."""
    return {name: value for name, value in arguments.items() if value is not None and value is not False}
