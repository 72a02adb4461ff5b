"""A published figure in the notebook."""

from __future__ import annotations

import gc
from datetime import datetime, timezone

import pytest

import jupyter_figserve as figserve
from jupyter_figserve import errors
from jupyter_figserve.kernel.figures.published_figure import Published

from ..conftest import KEY, PNG, FakeFigure, Reply


@pytest.fixture
def pub(connected, encoder):
    return figserve.publish(PNG, "sales", title="Sales", alt="Rising")


def test_page_and_image_urls(pub, fake):
    """URLs come from the record, with any format and size."""
    assert (pub.name, pub.title, pub.alt, pub.version) == ("sales", "Sales", "Rising", 1)
    assert pub.url == f"{fake.url}/figures/{pub.id}"
    assert pub.image_url() == f"{pub.url}.png"
    # As if the server had the source.
    fake.sources[pub.id, 1] = b"pickle"
    assert pub.image_url("svg", width=800) == f"{pub.url}.svg?width=800"
    assert pub.image_url("pdf", height=10, dpi=150) == f"{pub.url}.pdf?height=10&dpi=150"
    with pytest.raises(errors.UnsupportedType, match="not available as jpg"):
        pub.image_url("jpeg")
    with pytest.raises(errors.UnsupportedType):
        pub.image_url("bmp")


def test_alternative_text_is_never_empty(connected, encoder):
    """It falls back to the title, then the name."""
    assert figserve.publish(PNG, "a", title="T").alt == "T"
    assert figserve.publish(PNG, "a").alt == "a"


def test_path_is_set_for_the_own_server(fake, encoder):
    """It is only set on the notebook's own server."""
    record = {"id": "f", "url": f"{fake.url}/figures/f"}
    assert Published(record, fake.connection(is_own=True)).path == "/base/figserve/figures/f"
    assert Published(record, fake.connection()).path == ""


def test_an_interactive_figure_has_a_page(fake):
    """The first representation decides; the HTML is that of the newest version."""
    png, html = {"mimetype": "image/png"}, {"mimetype": "text/html"}
    kinds = [(), (png,), (png, html), (html,), (html, png)]
    found = [Published({"representations": kind}, fake.connection()).is_interactive for kind in kinds]
    assert found == [False, False, False, True, True]
    fake.instead = lambda request: Reply(200, b"<p>", {"Content-Type": "text/html"})
    assert Published({"id": "f", "version": 3}, fake.connection()).fetch_page() == b"<p>"
    assert (fake.received[-1].path, fake.received[-1].query) == ("/base/figserve/figures/f.html", {})


def test_versions(pub, connected):
    """Each version has a number and a time."""
    figserve.publish(PNG, "sales", title="Sales again")
    first, second = pub.versions()
    assert (first.number, second.number, second.title) == (1, 2, "Sales again")
    assert first.created == datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=timezone.utc)


def test_it_can_be_deleted(pub, fake):
    """One request is sent; its response has no body."""
    pub.delete()
    assert (fake.received[-1].method, fake.figures) == ("DELETE", {})


def test_link_expires_after_thirty_days_by_default(pub, fake):
    """All arguments of ``share`` are sent."""
    link = pub.share()
    assert fake.received[-1].path.endswith(f"/figures/{pub.id}/links")
    assert fake.received[-1].json == {
        "expires": "30d",
        "label": None,
        "views": None,
        "version": None,
        "audience": None,
        "users": [],
        "groups": [],
        "data": False,
        "code": False,
    }
    assert link.expires == "2026-02-01T03:04:05.678Z"
    pub.share("never", label="x", views=3, version=1, audience="people", users=["jo"], groups=("lab",))
    sent = fake.received[-1].json
    assert (sent["expires"], sent["views"], sent["users"], sent["groups"]) == ("never", 3, ["jo"], ["lab"])


@pytest.mark.parametrize(
    "arguments",
    [{"expires": None}, {"expires": "soon"}, {"expires": 0}, {"audience": "all"}, {"users": "jo"}, {"groups": "lab"}],
)
def test_invalid_share_options_send_no_request(pub, fake, arguments):
    """A link that never expires must be requested explicitly."""
    before = len(fake.received)
    with pytest.raises(errors.InvalidInput):
        pub.share(**arguments)
    assert len(fake.received) == before


def test_links_are_listed_without_their_urls(pub):
    """The server keeps only the hash of a link's token."""
    made = pub.share(label="for Jo")
    (listed,) = pub.links()
    assert (listed.id, listed.label) == (made.id, "for Jo")


def test_its_text_reads_well(pub):
    """The representation is readable at a prompt and in a list."""
    assert repr(pub) == f'Figure "sales", version 1: {pub.url}'


def test_display_contains_no_secret(pub):
    """The output contains neither the key nor a link's token."""
    link = pub.share()
    output = str(pub._repr_mimebundle_()) + repr(pub)
    assert KEY not in output
    assert link.url.rpartition("/")[2] not in output


def test_listed_figure_fetches_its_image(pub):
    """The image is fetched from the server's own address, regardless of the host in the record."""
    (listed,) = figserve.figures()
    listed._record["url"] = "https://other.example.org/figserve/figures/x"
    data, _ = listed._repr_mimebundle_(include=None, exclude=None)
    assert "data:image/png;base64," in data["text/html"]


def test_display_without_the_server(pub, fake):
    """Displaying a figure never raises an error."""
    (listed,) = figserve.figures()
    fake.instead = lambda request: Reply.of(503, {"error": "Busy.", "code": "unavailable"})
    data, _ = listed._repr_mimebundle_()
    assert "Open the figure" in data["text/html"]


def test_source_figure_is_a_weak_reference(fake):
    """Figures are only weakly referenced."""
    figure, published = FakeFigure(), Published({}, fake.connection())
    published.set_source_figure(figure)
    assert published._source_figure() is figure
    del figure
    gc.collect()
    assert published._source_figure() is None
