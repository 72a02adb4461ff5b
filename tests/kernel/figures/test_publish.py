"""The requests of a publish, and its result."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

import jupyter_figserve as figserve
from jupyter_figserve import errors
from jupyter_figserve.kernel.cells.cell import NotebookCell
from jupyter_figserve.kernel.client import source_uploader
from jupyter_figserve.model.figures import EncodedImage

from ..conftest import PNG, FakeEncoded, FakeFigure, Reply

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture(autouse=True)
def cell(monkeypatch):
    """All publishes of a test belong to one execution of one cell."""
    found = NotebookCell("m1", "1a2b3c4d", "d" * 64, 7)
    monkeypatch.setattr("jupyter_figserve.kernel.figures.publish.find_cell", lambda: found)
    return found


def test_publish_sends_image_thumbnail_and_texts(connected, encoder, cell):
    """The form contains the metadata, the representations in order with their sizes, and the thumbnail."""
    svg = EncodedImage("image/svg+xml", SVG, 640, 480)
    encoder.makes = FakeEncoded((svg, EncodedImage("image/png", PNG, 1280, 960, 200.0)))
    figserve.publish(
        "<fig>",
        "sales",
        title=" Sales\n2024 ",
        alt="Rising",
        caption="As of\nMay",
        format=("svg", "png"),
        dpi=200,
        tight=True,
    )
    assert encoder.calls == [(b"<fig>", ("svg", "png"), {"dpi": 200, "tight": True, "with_state": True})]
    parts = connected.published[0].parts
    assert [part[:2] for part in parts] == [
        ("figure", "application/json"),
        ("representation", "image/svg+xml; charset=utf-8"),
        ("representation", "image/png"),
        ("thumbnail", "image/png"),
    ]
    assert [part[2] for part in parts[1:]] == [SVG, PNG, PNG + b"thumbnail"]
    assert connected.described() == {
        "name": "sales",
        "title": "Sales 2024",
        "alt": "Rising",
        "caption": "As of May",
        "cell": cell.as_json(),
        "provenance": {"libraries": encoder.libraries()},
        "sizes": [
            {"width": 640, "height": 480, "dpi": None},
            {"width": 1280, "height": 960, "dpi": 200.0},
        ],
    }


def test_the_code_of_the_cell_is_sent(connected, encoder, cell, monkeypatch):
    """It follows the publish that it does not delay, and is not sent at all with keep_source=False."""
    coded = replace(cell, code="plt.plot([1])  # ü")
    monkeypatch.setattr("jupyter_figserve.kernel.figures.publish.find_cell", lambda: coded)
    figserve.publish(PNG, "sales")
    figserve.publish(PNG, "sales", keep_source=False)
    source_uploader.flush()
    assert list(connected.codes.values()) == [coded.code]
    assert "code" not in connected.described()["cell"]


def test_texts_default_to_the_figures(connected, encoder):
    """The title also gives the name; arguments take precedence and are validated."""
    encoder.makes = FakeEncoded(title="Sales 2024", alt="A line.")
    assert figserve.publish(PNG).name == "Sales-2024"
    assert (connected.described()["title"], connected.described()["alt"]) == ("Sales 2024", "A line.")
    assert figserve.publish(PNG, title="Other", alt="Words").title == "Other"
    with pytest.raises(errors.InvalidInput):
        figserve.publish(PNG, title="x" * 400)


def test_an_empty_title_is_none(connected, encoder):
    """Arguments take precedence over the figure's metadata, even if empty."""
    encoder.makes = FakeEncoded(title="Its own")
    figserve.publish(PNG, "a", title="")
    assert connected.described()["title"] == ""


def test_unnamed_figures_are_named_after_title_or_cell(connected, encoder):
    """Unnamed figures of a loop are numbered; named ones are not."""
    names = [figserve.publish(PNG).name for _ in range(3)]
    assert names == ["cell-1a2b3c4d", "cell-1a2b3c4d-2", "cell-1a2b3c4d-3"]
    assert figserve.publish(PNG, title="A b").name == "A-b"
    assert [figserve.publish(PNG, "same").name for _ in range(2)] == ["same", "same"]


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "x" * 101, "nul", 7])
def test_invalid_name_is_rejected_before_rendering(connected, encoder, name):
    """An explicit name is used unchanged or rejected."""
    with pytest.raises(errors.InvalidName):
        figserve.publish(PNG, name)
    assert (encoder.calls, connected.received) == ([], [])


@pytest.mark.parametrize("format", ["bmp", (), ("png", 7), ("png", "bmp")])
def test_invalid_format_is_rejected_before_rendering(connected, encoder, format):
    """Formats are those of the format table."""
    with pytest.raises(errors.FigServeError):
        figserve.publish(PNG, format=format)
    assert encoder.calls == []


def test_format_names(connected, encoder):
    """Aliases are resolved, and duplicates are encoded once."""
    figserve.publish(PNG, format=["jpeg", "jpg", "png"])
    assert encoder.calls[0][1] == ("jpg", "png")


def test_swapped_arguments_are_rejected(connected, encoder):
    """Swapped arguments have their own message."""
    with pytest.raises(errors.InvalidInput, match=r"publish\(name="):
        figserve.publish("sales")
    with pytest.raises(errors.InvalidInput, match="The first argument is the figure and the second its name"):
        figserve.publish("sales", PNG)  # type: ignore[arg-type]
    assert encoder.calls == []


def test_without_a_server_nothing_is_rendered(encoder):
    """The error says what to do, and nothing is encoded."""
    with pytest.raises(errors.NotConnected, match=r"figserve\.serve\(\)"):
        figserve.publish(PNG)
    assert encoder.calls == []


def test_source_is_uploaded_after_publishing(connected, encoder):
    """It is attached to the version that the server acknowledged, and the archive images are drawn from it."""
    figure = FakeFigure()
    encoder.makes = FakeEncoded(figure=figure)
    pub = figserve.publish(figure, "a")
    assert source_uploader.flush(10)
    assert connected.sources == {(pub.id, 1): b"pickle"}
    assert [r.method for r in connected.received] == ["POST", "PUT"]
    (job,) = encoder.archived
    assert (job.target.figure, job.target.version, job.source) == (pub.id, 1, b"pickle")
    assert pub.is_redrawable
    assert pub.limitation is None


@pytest.mark.parametrize("why", ["not requested", "not a figure", "already there"])
def test_figure_without_a_source_is_published(connected, encoder, why):
    """Images, HTML and unchanged figures need no source."""
    figure = FakeFigure()
    is_wanted = why != "not requested"
    encoder.makes = FakeEncoded(
        figure=None if why == "not a figure" else figure, state=SimpleNamespace(obstacle="") if is_wanted else None
    )
    if why == "already there":
        parts = [{"mimetype": "image/png"}, {"mimetype": "image/svg+xml"}]
        record = {"id": "x", "name": "a", "version": 1, "url": "u", "redrawable": True, "representations": parts}
        connected.instead = lambda request: Reply.of(201, record)
    pub = figserve.publish(figure, "a", keep_source=is_wanted)
    assert source_uploader.flush(10)
    assert (len(connected.received), encoder.archived) == (1, [])
    assert pub.is_redrawable is (why == "already there")


def test_a_figure_that_cannot_be_pickled_says_so(connected, encoder):
    """The result and the server get the reason; its archive images are drawn from the figure itself."""
    encoder.makes, encoder.pickles = FakeEncoded(figure=FakeFigure()), False
    pub = figserve.publish(encoder.makes.figure, "a")
    assert source_uploader.flush(10)
    assert connected.faults == {(pub.id, 1): "A lambda cannot be pickled."}
    assert encoder.archived[0].encoded is encoder.makes
    assert pub.limitation == "A lambda cannot be pickled."
    assert repr(pub).endswith("Not available in other sizes and formats. A lambda cannot be pickled.")
    assert "A lambda cannot be pickled." in pub.bundle()[0]["text/html"]
    with pytest.raises(errors.UnsupportedType, match=r"not available as pdf, only as png\. A lambda cannot"):
        pub.image_url("pdf")
    with pytest.raises(errors.UnsupportedType, match="not available in another size"):
        pub.image_url(width=200)
    assert pub.image_url().endswith(".png")


def test_displayed_image_is_inline_or_thumbnail(connected, encoder):
    """The first inline image, else the thumbnail, else none."""
    pdf, svg = EncodedImage("application/pdf", b"%PDF-"), EncodedImage("image/svg+xml", SVG)
    thumbnail = EncodedImage("image/png", PNG)
    for images, small, expected in [
        ((pdf, svg), thumbnail, svg),
        ((pdf,), thumbnail, thumbnail),
        ((EncodedImage("text/html", b"<p>"),), None, None),
    ]:
        encoder.makes = FakeEncoded(images, small)
        assert figserve.publish(PNG, "a")._image is expected


def test_server_errors_reach_the_cell(connected, encoder):
    """A failed publish returns no figure."""
    connected.instead = lambda request: Reply.of(507, {"error": "The session is full.", "code": "quota_exceeded"})
    with pytest.raises(errors.QuotaExceeded, match=r"The session is full\."):
        figserve.publish(PNG, "a")


def test_place_is_sent_and_asked_for(connected, encoder):
    """Publishing into a collection or a notebook; lists and deletions by collection."""
    figserve.publish(PNG, "load", collection="nightly")
    figserve.publish(PNG, "load", notebook="/reports/a.ipynb")
    sent = [connected.described(index) for index in (0, 1)]
    assert [(one.get("collection"), one.get("notebook")) for one in sent] == [
        ("nightly", None),
        (None, "reports/a.ipynb"),
    ]
    figserve.figures(collection="nightly")
    figserve.unpublish(collection="nightly")
    assert [one.query for one in connected.received[-2:]] == [{"collection": "nightly"}, {"collection": "nightly"}]


@pytest.mark.parametrize("place", [{"collection": "a/b"}, {"notebook": "../a"}, {"collection": "a", "notebook": "b"}])
def test_impossible_place_is_rejected_before_anything_is_sent(connected, encoder, place):
    """With a sentence, and without a request."""
    with pytest.raises(figserve.FigServeError):
        figserve.publish(PNG, "load", **place)
    assert connected.received == []
