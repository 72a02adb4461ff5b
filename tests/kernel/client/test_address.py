"""Parsing of server addresses from pasted URLs."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.kernel.client.address import is_loopback, parse_exact, parse_pasted


@pytest.mark.parametrize(
    ("pasted", "url"),
    [
        ("http://host:8888", "http://host:8888/figserve"),
        ("http://host:8888/", "http://host:8888/figserve"),
        ("  https://host/  ", "https://host/figserve"),
        ("https://host:443/", "https://host/figserve"),
        ("localhost:8888", "http://localhost:8888/figserve"),
        ("127.0.0.1:8888/lab", "http://127.0.0.1:8888/figserve"),
        ("http://[::1]:8888/tree", "http://[::1]:8888/figserve"),
        ("http://host/lab/tree/figserve/a.ipynb", "http://host/figserve"),
        ("http://host/base/notebooks/a.ipynb", "http://host/base/figserve"),
        ("http://host/login?next=%2Flab", "http://host/figserve"),
        ("http://host/figserve", "http://host/figserve"),
        ("http://host/figserve/", "http://host/figserve"),
        ("http://host/a/figserve/figures/abc", "http://host/a/figserve"),
        ("https://hub/user/jo/lab", "https://hub/user/jo/figserve"),
        ("https://hub/user/lab/lab/tree/x", "https://hub/user/lab/figserve"),
        ("https://hub/user/figserve/", "https://hub/user/figserve/figserve"),
        ("https://hub/h/user/jo/second/lab", "https://hub/h/user/jo/second/figserve"),
        ("http://host/a%40b/lab", "http://host/a%40b/figserve"),
        ("http://host/with space/lab", "http://host/with%20space/figserve"),
        ("http+unix://%2Ftmp%2Fj.sock/lab", "http+unix://%2Ftmp%2Fj.sock/figserve"),
    ],
)
def test_pasted_urls(pasted, url):
    """The base URL is the path before any page."""
    assert parse_pasted(pasted)[0].url == url


def test_token_is_extracted_from_the_query():
    """The URL that Jupyter prints at startup contains the credential."""
    address, token = parse_pasted("http://localhost:8888/lab?token=abc123&x=1")
    assert (address.url, token) == ("http://localhost:8888/figserve", "abc123")
    assert parse_pasted("http://localhost:8888/lab?token=")[1] is None


@pytest.mark.parametrize("text", ["", "  ", "ftp://host/", "http://", "http://host:port/", "http://host:0/", "/lab"])
def test_invalid_server_urls_are_rejected(text):
    """The message shows the form of a URL."""
    with pytest.raises(InvalidInput):
        parse_pasted(text)


def test_a_refusal_repeats_no_credential():
    """Passwords and tokens of a mistyped URL are not in the message."""
    for text in ("http://jo:secret@host/", "ftp://jo:secret@host/?token=secret"):
        with pytest.raises(InvalidInput) as caught:
            parse_pasted(text)
        assert "secret" not in str(caught.value)


def test_reported_url_is_not_changed():
    """An exact URL may look like a page; nothing is stripped from it."""
    assert parse_exact("http://127.0.0.1:8888/lab/figserve").url == "http://127.0.0.1:8888/lab/figserve"
    assert parse_exact("http+unix://%2Ftmp%2Fj.sock/figserve").host == "/tmp/j.sock"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("x.localhost", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_detected_without_a_resolver(host, expected):
    """Only host names and IP addresses of this machine."""
    assert is_loopback(host) is expected
