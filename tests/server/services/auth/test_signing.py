"""Signed URLs of raw HTML: valid for a minute and for one version, while the link is open."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from jupyter_figserve.errors import NotFound
from jupyter_figserve.server.services.auth.signing import LIFE_SECONDS, FrameUrlSigner, QuerySigner

from ...sample_images import HTML, png


@pytest.fixture
def at(monkeypatch):
    """Return a context in which signatures have this time."""

    def move(seconds: float) -> None:
        monkeypatch.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda self: int(seconds))

    move(1_000)
    return move


class TestSigner:
    def test_signed_values_are_read(self):
        """Signed values are read back, with or without a link."""
        signer = FrameUrlSigner(["a" * 64])
        for link in ("lnk1", None):
            assert signer.read(signer.sign("figure", 3, link)) == ("figure", 3, link)

    def test_signature_lasts_a_minute(self, at):
        """It expires to the second."""
        signer = FrameUrlSigner(["a"])
        text = signer.sign("figure", 1, None)
        at(1_000 + LIFE_SECONDS)
        assert signer.read(text)
        at(1_001 + LIFE_SECONDS)
        with pytest.raises(NotFound):
            signer.read(text)

    def test_every_flipped_character_is_noticed(self):
        """A changed character in the content, the time or the signature makes it invalid."""
        signer = FrameUrlSigner(["a"])
        text = signer.sign("figure", 1, None)
        for index in range(len(text)):
            flipped = text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]
            if index == len(text) - 1:
                continue  # its last two bits are padding
            with pytest.raises(NotFound):
                signer.read(flipped)

    def test_signature_for_another_use_is_rejected(self):
        """A signature with another salt is not valid."""
        with pytest.raises(NotFound):
            FrameUrlSigner(["a"]).read(URLSafeTimedSerializer("a", salt="other").dumps(["figure", 1, None]))

    def test_signed_nonsense_is_rejected(self):
        """A list of another length is not valid."""
        signer = FrameUrlSigner(["a"])
        with pytest.raises(NotFound):
            signer.read(signer._serializer.dumps(["figure"]))

    def test_older_keys_still_verify(self):
        """The newest key signs, and older ones still verify after a rotation."""
        old, new, both = FrameUrlSigner(["old"]), FrameUrlSigner(["new"]), FrameUrlSigner(["new", "old"])
        assert both.read(old.sign("f", 1, None))
        assert new.read(both.sign("f", 1, None))
        with pytest.raises(NotFound):
            old.read(both.sign("f", 1, None))


class TestQuerySigner:
    PARTS = ("lnk1", "png", [("width", "7")])

    def test_signature_is_for_one_purpose_and_all_its_parts(self):
        """Neither a part nor the purpose can be changed, left out or moved."""
        signer = QuerySigner(["a"])
        signature = signer.sign("link", *self.PARTS)
        assert signer.is_good(signature, "link", *self.PARTS)
        for other in (
            ("render", *self.PARTS),
            ("link", "lnk2", "png", [("width", "7")]),
            ("link", "lnk1", "svg", [("width", "7")]),
            ("link", "lnk1", "png", [("width", "77")]),
            ("link", "lnk1", "png", [("height", "7")]),
            ("link", "lnk1", "png", []),
            ("link", "lnk1", "png"),
            ("link", "png", "lnk1", [("width", "7")]),
            ("link", 'lnk1", "png', [("width", "7")]),
        ):
            assert not signer.is_good(signature, *other), other

    @pytest.mark.parametrize("signature", ["", "x", "\u00e9", "=", "A" * 5_000])
    def test_anything_else_is_no_signature(self, signature):
        """Of any length and in any characters."""
        assert not QuerySigner(["a"]).is_good(signature, "link", *self.PARTS)

    def test_older_keys_still_verify(self):
        """The newest key signs, and older ones still verify after a rotation; others do not."""
        old, new, both = QuerySigner(["old"]), QuerySigner(["new"]), QuerySigner(["new", "old"])
        assert both.is_good(old.sign("link", 1), "link", 1)
        assert new.is_good(both.sign("link", 1), "link", 1)
        assert not old.is_good(both.sign("link", 1), "link", 1)


async def test_frame_of_a_revoked_link_is_gone(owner, stranger, context):
    """A frame's URL ends with its link, even within its minute."""
    link = await owner.share(await owner.publish("page", HTML, "text/html"))
    path = f"/frame/{context.frame_signer.sign(link['figure'], 1, link['id'])}.html"
    assert (await stranger.get(path)).body.startswith(HTML)
    await owner.delete(f"/api/links/{link['id']}")
    assert (await stranger.get(path)).status == 404


async def test_frame_is_in_no_cache(owner, stranger, context):
    """Caches may not store the frame."""
    figure = await owner.publish("page", HTML, "text/html")
    answer = await stranger.get(f"/frame/{context.frame_signer.sign(figure['id'], 1, None)}.html")
    assert answer.headers["Cache-Control"] == "private, no-store"


async def test_frame_runs_scripts_only_where_framed(owner, stranger, context):
    """The HTML runs scripts in a frame only; opened by itself it is inert."""
    figure = await owner.publish("page", HTML, "text/html")
    path = f"/frame/{context.frame_signer.sign(figure['id'], 1, None)}.html"
    framed = (await stranger.get(path, {"Sec-Fetch-Dest": "iframe"})).headers["Content-Security-Policy"]
    for destination in ({"Sec-Fetch-Dest": "document"}, {}):
        opened = (await stranger.get(path, destination)).headers["Content-Security-Policy"]
        assert "script-src" not in opened
    assert "sandbox allow-scripts" in framed


async def test_image_has_no_frame(owner, stranger, context):
    """Only HTML is shown in frames; a figure or version that does not exist is 404."""
    figure = await owner.publish("sales", png())
    for what in ((figure["id"], 1), (figure["id"], 9), ("A" * 16, 1)):
        assert (await stranger.get(f"/frame/{context.frame_signer.sign(*what, None)}.html")).status == 404


SIGNED = FrameUrlSigner(["a"]).sign("figure", 1, None)


@given(st.text(max_size=80) | st.builds(lambda at, new: SIGNED[:at] + new + SIGNED[at:], st.integers(0, 60), st.text()))
def test_no_other_text_is_a_signature(text):
    """Any other text is not found; characters that base64 ignores change nothing that was signed."""
    with contextlib.suppress(NotFound):
        assert FrameUrlSigner(["a"]).read(text) == ("figure", 1, None)
