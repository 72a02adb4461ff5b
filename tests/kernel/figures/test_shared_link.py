"""A link in the notebook."""

from __future__ import annotations

import pytest

import jupyter_figserve as figserve
from jupyter_figserve import errors

from ..conftest import PNG, TOKEN


@pytest.fixture
def pub(connected, encoder):
    return figserve.publish(PNG, "sales")


def test_link_has_snippets(pub, fake):
    """It has a URL, image URLs and the server's snippets."""
    link = pub.share()
    assert link.url.endswith(f"/f/{TOKEN}")
    assert link.image_url() == f"{link.url}.png"
    with pytest.raises(errors.UnsupportedType, match=r"not available as svg, only as png\. It has no source\."):
        link.image_url("svg", width=640)
    fake.sources[next(iter(fake.figures)), 1] = b"pickle"
    assert link.image_url("svg", width=640) == f"{link.url}.svg?width=640"
    assert [link.markdown, link.html, link.iframe, link.latex] == [
        f"{name} of {link.url}" for name in ("markdown", "html", "iframe", "latex")
    ]


def test_display_has_url_expiry_and_note(pub):
    """The output shows the URL, the expiry and the note."""
    link = pub.share()
    bundle = link._repr_mimebundle_(include=None, exclude=None)
    for output in (repr(link), *bundle.values()):
        assert link.url in output
        assert "until 2026-02-01" in output
        assert "Opens only on this machine." in output


def test_it_may_show_data_and_code(pub, fake):
    """Both are off unless said, and can be changed one by one."""
    assert (pub.share().shows_data, pub.share().shows_code) == (False, False)
    link = pub.share(data=True, code=True)
    assert (link.shows_data, link.shows_code) == (True, True)
    link.set_shown(code=False)
    assert (fake.links[link.id]["data"], fake.links[link.id]["code"]) == (True, False)
    assert (link.shows_data, link.shows_code) == (True, False)


def test_audience_of_nobody_is_refused(pub, fake):
    """Without a request, which would change nothing."""
    link = pub.share()
    sent = len(fake.received)
    with pytest.raises(errors.InvalidInput, match="Give an audience, or users or groups"):
        link.set_audience()
    assert len(fake.received) == sent


def test_it_pauses_resumes_and_ends(pub, fake):
    """Requests contain its id, never its token."""
    link = pub.share()
    link.pause()
    assert link.is_paused
    assert fake.links[link.id]["paused"]
    link.resume()
    assert not link.is_paused
    assert link.url.endswith(TOKEN)
    link.revoke()
    assert fake.links == {}
    assert all(TOKEN not in r.path and TOKEN.encode() not in r.body for r in fake.received)


def test_a_link_from_a_list(pub, fake):
    """Its URL is asked for once, and only when it is read."""
    made = pub.share(label="for Jo", views=3)
    (link,) = pub.links()
    assert (link.views, link.seen, link.is_paused) == (3, 0, False)
    assert repr(link).startswith('Link to "sales"')
    assert "for Jo" in repr(link)
    assert set(link._repr_mimebundle_()) == {"text/plain"}
    asked = len(fake.received)
    assert (link.url, link.markdown, link.image_url()) == (made.url, made.markdown, made.image_url())
    assert [request.path for request in fake.received[asked:]] == [f"/base/figserve/api/links/{link.id}/url"]
    assert made.url in repr(link)


def test_revoked_link_says_so(pub):
    """It is shown without its address, which opens nothing."""
    link = pub.share()
    link.revoke()
    assert repr(link) == 'Revoked link to "sales": it opens for nobody.'
    assert link.bundle() == {"text/plain": repr(link)}
