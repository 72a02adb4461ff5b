"""Options that a function does not have are explained before it runs."""

from __future__ import annotations

import inspect

import pytest

import jupyter_figserve as figserve
from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.kernel.figures.captured_plot import CapturedPlot
from jupyter_figserve.kernel.figures.published_figure import Published
from jupyter_figserve.kernel.live.live_figure import LiveFigure


@pytest.mark.parametrize(
    ("call", "options", "message"),
    [
        (figserve.publish, {"nam": "x"}, r"publish\(\) has no option 'nam' here\. Did you mean 'name'\?"),
        (figserve.publish, {"expires": "7d"}, r"share\(expires=…\)"),
        (figserve.publish, {"bbox_inches": "tight"}, "tight=True"),
        (figserve.publish, {"transparent": True}, r"signed_image_url\("),
        (figserve.publish, {"width": 300}, r"pub\.image_url\("),
        (figserve.publish, {"facecolor": "red"}, r"savefig\.facecolor"),
        (figserve.publish, {"pad_inches": 1}, r"savefig\.pad_inches"),
        (Published.image_url, {"style": "ggplot"}, r"signed_image_url\("),
        (figserve.get, {"zzz": 1}, "Its options are name, notebook, collection"),
        (figserve.Dashboard.share, {"server": "team"}, r"server of their kernel.*share\(server=…\).*save\("),
        (LiveFigure.share, {"server": "team"}, r"server of their kernel"),
        (LiveFigure.share, {"version": 1}, "newest"),
        (LiveFigure.share, {"data": True}, r"publish\(fig\).share\(data=True\)"),
        (Published.share, {"lock": {}}, "@figserve.live"),
        (Published.share, {"expire": "7d"}, "'expires'"),
        (CapturedPlot.share, {"version": 1}, r"share\(\) has no option 'version'"),
        (figserve.Dashboard.publish, {"title": "x"}, r"Dashboard\(title, rows\)"),
    ],
)
def test_unknown_option_is_explained(call, options, message):
    """With the option that was meant, or with what to do instead; as a ``TypeError`` it is what Python raises."""
    with pytest.raises(InvalidInput, match=message) as caught:
        call(*[None] * ("self" in inspect.signature(call).parameters), **options)
    assert isinstance(caught.value, TypeError)
    assert caught.value.code == "unknown_option"


def test_signature_and_documentation_stay():
    """As editors and ``help`` show them."""
    assert "collection" in inspect.signature(figserve.publish).parameters
    assert inspect.getdoc(figserve.publish).startswith("Give a figure a URL.")
