"""Posted code from a notebook or a script: the server's sandbox runs it, not this kernel. Kernel."""

from __future__ import annotations

from typing import Any

from .client.connection import get_connection


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
    """The picture that ``code`` draws in the server's sandbox; with ``figure="all"`` a zip of all of them.

    Parameters
    ----------
    code
        Python as you would paste it into a cell. It sees nothing of this kernel, no file and no network.
    width, height
        Pixels at ``dpi``, for vector formats at 96 to the inch; None is the figure's own size.
    style
        Name of a matplotlib style.
    tight
        Cut or extend the picture to what is drawn.
    figure
        Its number where there are several; None is that of the last expression, else the current one.
    timeout
        Seconds, or a duration such as ``"20s"``; None is the server's own.
    seed
        Of ``random`` and numpy's legacy generator. The server keeps what was drawn with one.

    Raises
    ------
    CodeFailed
        The code raised; with the type, the line and the traceback of its own frames.
    OutputInvalid
        It drew nothing, or nothing that can be served.
    NotConnected
        When there is no server; the text says what to do.
    """
    return get_connection().client.post_for_bytes("api/renders", _fields(locals()))


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
    """A signed address that shows what ``code`` draws to anybody, for a README or a wiki; nothing is drawn yet.

    The parameters are those of ``render``. The code is in the address, readable for everybody who has it.

    Raises
    ------
    TooLarge
        When the code does not fit into an address.
    NotConnected
        When there is no server; the text says what to do.
    """
    answer: dict[str, Any] = get_connection().client.post("api/renders/url", _fields(locals()))
    return str(answer["url"])


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    """What is not as usual."""
    return {name: value for name, value in given.items() if value is not None and value is not False}
