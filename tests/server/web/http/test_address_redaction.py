"""Redaction of addresses: no secret of ours is left, wherever it stands, and names are."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.server.web.http.address_redaction import redact_credentials, redact_uri

KEY = "fsk_abcdefgh_0123456789abcdefghijklmnopqrstuvwxyz"
TOKEN = "AbCdEfGhIjKlMnOpQrStUvWxYz012345"
PLACES = ["/{}", "/plots/x/{}.png", "/figures/x?q={}", "/?a=1&cursor={}&b=2", "/?{}", "/?{}=1", "/oembed?url={}"]


def encode(text: str, times: int) -> str:
    """Percent-encode every character, as a hostile or broken program does, and then the percent signs."""
    for _ in range(times):
        text = "".join(f"%{byte:02x}" for byte in text.encode()) if "%" not in text else quote(text, safe="")
    return text


@given(
    st.sampled_from(PLACES),
    st.sampled_from([KEY, KEY.upper(), TOKEN, f"http://x/figserve/f/{TOKEN}.png?x=1", "0f" * 16, "0f" * 24]),
    st.integers(0, 5),
)
def test_no_secret_is_left(place, secret, times):
    """In any segment or argument, percent-encoded any number of times."""
    left = redact_uri(place.format(encode(secret, times) if times else secret))
    assert "[secret]" in left
    for text in (KEY[4:], TOKEN, "0f0f", encode(secret, times)):
        assert text.lower() not in left.lower()


@pytest.mark.parametrize(
    "uri",
    [
        "/a?x=1&y=2",
        "/a?share=50%25&name=my%20plot",
        "/figures/AbCdEfGhIj12.png?version=3&width=800",
        "/plots/0b1ff0b6-5d6b-4c27-9c9a-bb1fd0e3d2a1/Sales-by-Region-and-Quarter-2024.png",
        "/plots/0b1ff0b6-5d6b-4c27-9c9a-bb1fd0e3d2a1/AnimalSightingsByMonth_2024.png",
        "/api/figures?q=monthly_sightings_of_wolves_1990-2024",
    ],
)
def test_names_are_left(uri):
    """Figures, sessions and search words are what the log is read for."""
    assert redact_uri(uri) == uri


def test_encoding_without_end_is_bounded():
    """It takes time in proportion to its length."""
    assert redact_uri("/a?q=" + "%25" * 20_000).startswith("/a?q=")


def test_address_after_a_login_works_on():
    """It has neither keys nor arguments named like one, and all values of parameters."""
    query = f"sample={TOKEN}&key=x&q={KEY}&cursor=WzE3LCAiYSJd"
    assert redact_credentials(query) == f"sample={TOKEN}&key=[secret]&q=[secret]&cursor=WzE3LCAiYSJd"
