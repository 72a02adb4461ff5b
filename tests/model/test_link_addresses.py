"""Addresses of links as they arrive from mails, chats and Markdown."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.model.link_addresses import LinkAddress, find_link_address, parse_link_address

TOKEN = "Ab-_" * 7 + "xyz9"
HALVES = TOKEN[:16], TOKEN[16:]
PAGE, PNG = LinkAddress(TOKEN), LinkAddress(TOKEN, "png")


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (TOKEN, PAGE),
        (f"{TOKEN}.svg", LinkAddress(TOKEN, "svg")),
        (f"{TOKEN}/embed", LinkAddress(TOKEN, part="embed")),
        (f"{TOKEN}/events", LinkAddress(TOKEN, part="events")),
        (f"{TOKEN}/2-1.json", LinkAddress(TOKEN, "json", "2-1")),
        (f"{TOKEN}/sales.png", LinkAddress(TOKEN, "png", "sales")),
        (f"{TOKEN}/Größe v1.2, final.png", LinkAddress(TOKEN, "png", "Größe v1.2, final")),
    ],
)
def test_addresses_as_they_are_made(path, address):
    """Page, image, embedding, stream, a panel, and a name for people."""
    assert parse_link_address(path) == address


ADDED = ["/", "//", ".", ",", ";", ":", "!", ")", ").", "]", "}", ">", "&gt;", '"', "'", "*", "…", "”", "»", "|"]
ADDED += [
    "%20",
    "%0A",
    "%C2%A0",
    "%3E",
    "=",
    "=20",
    "=3E",
    "%E2%80%8B",
    "\\",
    "</a>",
    "](https://x/y",
    "#top",
    "?",
    "/.",
]


@pytest.mark.parametrize("added", ADDED)
def test_what_programs_append(added):
    """Slashes, punctuation, brackets, quotes, spaces, quoted-printable, invisible characters, markup."""
    assert parse_link_address(unquote(TOKEN + added)) == PAGE
    assert parse_link_address(unquote(f"{TOKEN}.png{added}")) == PNG
    assert parse_link_address(unquote(f"{TOKEN}/embed{added}")) == LinkAddress(TOKEN, part="embed")


@pytest.mark.parametrize("added", ["_", "__", "-", "_)", "**"])
def test_emphasis_is_no_part_of_a_token(added):
    """A token ends in a letter or a digit."""
    assert parse_link_address(TOKEN + added) == PAGE


@pytest.mark.parametrize(
    "inner", ["%0A", "%0D%0A%20%20", "=%0D%0A", "=", "%20", "%E2%80%8B", "%C2%AD", "%EF%BB%BF", "\\"]
)
def test_what_wraps_lines(inner):
    """White space, soft hyphens and soft line breaks within the token, and before it."""
    assert parse_link_address(unquote(inner.join(HALVES))) == PAGE
    assert parse_link_address(unquote(f"%20{inner.join(HALVES)}.png")) == PNG


def test_dashes_of_editors():
    """A hyphen that became another one."""
    assert parse_link_address(TOKEN.replace("-", "\u2011")) == PAGE
    assert parse_link_address(TOKEN.replace("-_Ab", "\u2013_Ab", 1)) == PAGE


@pytest.mark.parametrize("mark", ["?", "%3F", "&", "%26"])
def test_query_in_the_path(mark):
    """Its question mark was escaped, or is missing."""
    found = parse_link_address(unquote(f"{TOKEN}.png{mark}type=Deer&utm_source=x"))
    assert found == LinkAddress(TOKEN, "png", query="type=Deer&utm_source=x")


@pytest.mark.parametrize("suffix", ["PNG", "Png"])
def test_suffix_in_capitals(suffix):
    """As cameras and Windows write it."""
    assert parse_link_address(f"{TOKEN}.{suffix}") == PNG


@pytest.mark.parametrize(
    "path",
    [
        "",
        TOKEN[:-1],
        f"{TOKEN}x",
        f"{TOKEN}9.png",
        f"{TOKEN[:-1]}.png",
        f"{TOKEN}/other",
        f"{TOKEN}/embedded",
        f"{TOKEN}/../../api/figures",
        f"{TOKEN}/a/b.png",
        f"{TOKEN}.pngx7",
        f"x/{TOKEN}",
        TOKEN.replace("x", "é"),
        TOKEN + ")" * 5_000,
    ],
)
def test_what_was_lost_is_not_guessed(path):
    """A token that is cut or longer, and parts of an address that there are not."""
    assert parse_link_address(path) is None


@pytest.mark.parametrize(
    "url",
    [
        f"https://h/figserve/f/{TOKEN}",
        f"  HTTPS://H:443/user/a/figserve/f/{TOKEN}.png?width=3#x",
        f"https://h/figserve/f/{TOKEN}/embed",
        f"https://h/figserve/f/{TOKEN}/sales.png",
        f"https://h/figserve/f/{TOKEN}%3E",
        f"/f/{TOKEN},",
    ],
)
def test_token_of_a_url(url):
    """Of the page, of its image and of its frame, on any host."""
    address = find_link_address(url)
    assert address is not None
    assert address.token == TOKEN


@pytest.mark.parametrize("url", [f"/f/{TOKEN}?a=1&b", f"/f/{TOKEN}/embed?a=1&b#c", f"/f/{TOKEN}%3Fa=1&b"])
def test_query_of_a_url(url):
    """With the state of the page, also where its question mark was escaped."""
    address = find_link_address(f"https://h{url}")
    assert address is not None
    assert address.query == "a=1&b"


@pytest.mark.parametrize("url", ["", "https://h/", f"https://h/{TOKEN}", "https://h/f/abc", "https://[/f/x", "/f/"])
def test_url_without_a_token(url):
    """Other URLs."""
    assert find_link_address(url) is None


@given(
    st.text(max_size=80)
    | st.builds("{}{}{}".format, st.text(max_size=3), st.from_regex(r"[A-Za-z0-9_-]{31,33}", fullmatch=True), st.text())
)
def test_any_address_has_one_token_or_none(path):
    """Whatever was added or lost: what is found is a token, and names stay segments of a path."""
    found = parse_link_address(path)
    if found is not None:
        assert re.fullmatch(r"[A-Za-z0-9_-]{32}", found.token)
        assert found.part in (None, "embed", "events", "data")
        assert "/" not in f"{found.name or ''}{found.suffix or ''}"
