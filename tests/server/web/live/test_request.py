"""The query of a live image: parameters, sizes, device pixel ratio and frames."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import InvalidInput, UnsupportedType
from jupyter_figserve.model.formats import FORMATS
from jupyter_figserve.model.live import LiveDeclaration, LiveRequest
from jupyter_figserve.model.parameters import Parameter, Parameters
from jupyter_figserve.server.web.live.request import asks_for_frame, parse_device_pixel_ratio, parse_live_request

NUMBER = Parameters((Parameter("n", "int", default=1), Parameter("width", "int", default=7)))


def parse(declaration: LiveDeclaration | None = None, **query: str) -> LiveRequest:
    given = {name: [text] for name, text in query.items()}
    declaration = declaration or LiveDeclaration("animal", NUMBER, sizes=("height", "dpi"))
    return parse_live_request(given, declaration, FORMATS["png"])


def test_sizes_are_the_figures_or_parameters():
    """A size that the function has a parameter for is passed to it."""
    assert parse(n="2", height=" 20 ", width="30") == LiveRequest({"n": 2, "width": 30}, "png", height=20)
    assert parse() == LiveRequest({"n": 1, "width": 7}, "png")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"height": "x"}, "height='x' is not a whole number of at least 1"),
        ({"height": "0"}, "not a whole number"),
        ({"height": "10001"}, "height is at most 10,000"),
        ({"dpi": "1201"}, "dpi is at most 1,200"),
        ({"_density": "3"}, "use one of 1, 2"),
        ({"n": "x"}, "n"),
    ],
)
def test_invalid_query(query, message):
    """The message names the value."""
    with pytest.raises(InvalidInput, match=message):
        parse(**query)


def test_ratio_is_for_images_of_their_own_size():
    """A requested size is in image pixels."""
    assert parse(_density="2").device_pixel_ratio == 2
    assert parse(_density="2", height="20").device_pixel_ratio == 1
    assert parse_device_pixel_ratio({}) == 1


def test_only_html_is_shown_in_a_frame():
    """Other formats have no use for one."""
    assert not asks_for_frame({}, FORMATS["png"])
    assert asks_for_frame({"_frame": ["1"]}, FORMATS["html"])
    with pytest.raises(UnsupportedType, match=r"\.html"):
        asks_for_frame({"_frame": ["1"]}, FORMATS["png"])
