"""Rendering code in the server's sandbox: request, response and errors."""

from __future__ import annotations

import pytest

import jupyter_figserve as figserve
from jupyter_figserve import errors

from .conftest import Reply

CODE = "plot()"


def test_only_changed_options_are_sent(connected):
    """The request is JSON with the key; the response is the image."""
    connected.instead = lambda request: Reply(200, b"<svg/>", {"Content-Type": "image/svg+xml"})
    assert figserve.render(CODE, "svg", width=300, transparent=True, seed=0) == b"<svg/>"
    (request,) = connected.received
    assert (request.method, request.path) == ("POST", "/base/figserve/api/renders")
    assert request.json == {"code": CODE, "format": "svg", "width": 300, "transparent": True, "seed": 0}
    assert "x-api-key" in request.headers


def test_warnings_of_the_server_are_repeated(connected):
    """One for each line of the header, at the caller's line."""
    headers = {"Content-Type": "image/png", "X-FigServe-Warnings": "Missing glyphs: %E4%B8%AD%0ANo %1B[31mlegend"}
    connected.instead = lambda request: Reply(200, b"png", headers)
    with pytest.warns(UserWarning, match="glyphs|legend") as caught:
        assert figserve.render(CODE) == b"png"
    assert [str(one.message) for one in caught] == ["Missing glyphs: 中", "No legend"]
    assert caught[0].filename == __file__


def test_code_error_has_its_line(connected):
    """Type, line, traceback and output are kept, without escape sequences."""
    error = {
        "error": "ZeroDivisionError: \x1b[31mdivision",
        "code": "code_failed",
        "type": "ZeroDivisionError",
        "message": "division",
        "line": 3,
        "traceback": "first\n\x1b]0;evil\x07second",
        "output": "so far\n",
    }
    connected.instead = lambda request: Reply.of(422, error)
    with pytest.raises(errors.CodeFailed) as caught:
        figserve.render(CODE)
    assert str(caught.value) == "ZeroDivisionError: division"
    assert (caught.value.kind, caught.value.line, caught.value.output) == ("ZeroDivisionError", 3, "so far")
    assert caught.value.traceback == "first\n second"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (422, "no_figure", errors.NoFigure),
        (422, "output_invalid", errors.OutputInvalid),
        (503, "sandbox_unavailable", errors.SandboxUnavailable),
        (504, "deadline_exceeded", errors.DeadlineExceeded),
        (429, "too_many_renders", errors.TooManyRequests),
    ],
)
def test_other_errors_have_their_class(connected, status, code, kind):
    """The message is that of every other call."""
    connected.instead = lambda request: Reply.of(status, {"error": "No.", "code": code})
    with pytest.raises(kind):
        figserve.render(CODE)


def test_a_malformed_error_is_still_one_of_the_code(connected):
    """Invalid line numbers and tracebacks are ignored."""
    error = {"error": "No.", "code": "code_failed", "line": "x", "traceback": 3, "type": ["a"]}
    connected.instead = lambda request: Reply.of(422, error)
    with pytest.raises(errors.CodeFailed) as caught:
        figserve.render(CODE)
    assert (caught.value.line, caught.value.traceback) == (None, "")


def test_render_url(connected):
    """SVG is the default; other options are omitted."""
    connected.instead = lambda request: Reply.of(201, {"url": "https://x/render/a.svg?sig=b"})
    assert figserve.render_url(CODE, height=20) == "https://x/render/a.svg?sig=b"
    (request,) = connected.received
    assert request.path == "/base/figserve/api/renders/url"
    assert request.json == {"code": CODE, "format": "svg", "height": 20}


def test_signed_image_url(connected, encoder):
    """The server signs the size, and its query follows the link's URL."""
    from .conftest import PNG

    link = figserve.publish(PNG, "sales").share()
    before = len(connected.received)
    connected.instead = lambda request: Reply.of(201, {"format": "jpg", "query": "width=33&sig=s"})
    assert link.signed_image_url("jpeg", width=33) == f"{link.url}.jpg?width=33&sig=s"
    request = connected.received[before]
    assert request.path == f"/base/figserve/api/links/{link.id}/sizes"
    assert request.json == {"format": "jpg", "width": 33}
