"""Answers of kernels, which may be anything: an image, unchanged data, or a failure."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import CodeFailed, FigServeError, NoFigure, NotFound, OutputInvalid
from jupyter_figserve.model.live import LiveRequest
from jupyter_figserve.server.services.live.backends.kernel_answer import parse_kernel_answer

from ....sample_images import png

HEAD = {"mimetype": "image/png", "width": 3.0, "height": 2, "dpi": 100, "alt": "A bear", "revision": "r"}
HIDPI = LiveRequest(device_pixel_ratio=2)


def parse(head, body=b"", request=HIDPI, known=()):
    return parse_kernel_answer(head, body, request, known)


def test_image_with_its_metadata():
    """The ratio counts only if it is the requested one."""
    image = parse(HEAD | {"density": 2, "version": "1", "is_html": True}, png())
    assert (image.content.data, image.content.width, image.content.height, image.content.dpi) == (png(), 3, 2, 100)
    assert (image.alt, image.revision, image.version) == ("A bear", "r", "1")
    assert (image.device_pixel_ratio, image.is_html) == (2, True)
    assert parse(HEAD | {"density": 3}, png()).device_pixel_ratio == 1
    assert parse(HEAD | {"is_html": "yes"}, png()).is_html is False


@pytest.mark.parametrize("value", ["x", -1, 0, 1e9, None, True + 0.0j])
def test_invalid_sizes_are_dropped(value):
    """The image is served without them."""
    content = parse(HEAD | {"width": value, "height": value, "dpi": value}, png()).content
    assert (content.width, content.height, content.dpi) == (None, None, None)


def test_unchanged_data():
    """Only of a version whose image the server has."""
    answer = {"is_unchanged": True, "version": "1"}
    assert parse(answer, known=("1",)) is None
    for known in ((), ("2",)):
        with pytest.raises(OutputInvalid, match="no image of that version"):
            parse(answer, known=known)


@pytest.mark.parametrize(("head", "body"), [(HEAD, b"<svg/>"), (HEAD | {"mimetype": "text/html"}, b"<p>")])
def test_image_of_another_type(head, body):
    """Neither its name nor its bytes may differ from the requested format."""
    with pytest.raises(OutputInvalid, match="not a valid png file"):
        parse(head, body)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ({"type": "NoFigure", "message": "m"}, NoFigure, NoFigure.code),
        ({"type": "NotFound", "message": "m", "code": "c"}, NotFound, "c"),
        ({"type": "Forbidden", "message": "m"}, OutputInvalid, OutputInvalid.code),
        ({"type": 3}, OutputInvalid, OutputInvalid.code),
        ({"type": "CodeFailed", "message": "m", "kind": "ValueError", "line": "x"}, CodeFailed, CodeFailed.code),
    ],
)
def test_failure(error, kind, code):
    """A kernel can report only the errors of a call."""
    with pytest.raises(FigServeError) as caught:
        parse({"error": error})
    assert (type(caught.value), caught.value.code) == (kind, code)
