"""Hosts and origins are compared as such, not as text."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.services.hosts import (
    get_host_name,
    get_origin,
    is_address,
    normalize_host,
    normalize_netloc,
    normalize_url,
)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("Plots.Example.ORG", "plots.example.org"),
        ("plots.example.org.", "plots.example.org"),
        ("Plätze.example", "xn--pltze-hra.example"),
        ("XN--PLTZE-HRA.example", "xn--pltze-hra.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("plätze.example".encode().decode("latin-1"), "xn--pltze-hra.example"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("a_b.example", "a_b.example"),
        ("", ""),
    ],
)
def test_host_has_one_form(name, host):
    """Case, a trailing dot and the form of an international name make no difference."""
    assert normalize_host(name) == host


@pytest.mark.parametrize(
    ("netloc", "scheme", "normal"),
    [
        ("A.example:443", "https", "a.example"),
        ("A.example:80", "https", "a.example:80"),
        ("a.example:8443", "https", "a.example:8443"),
        ("[::1]:8888", "http", "[::1]:8888"),
        ("a.example:x", "http", "a.example:x"),
    ],
)
def test_default_port_is_left_out(netloc, scheme, normal):
    """Of the scheme."""
    assert normalize_netloc(netloc, scheme) == normal


def test_url_keeps_its_path():
    """In ASCII, as browsers send it; what is no URL of one host stays as it is."""
    assert normalize_url("HTTPS://Plätze.example.:443/Größe?x=Y") == "https://xn--pltze-hra.example/Gr%C3%B6%C3%9Fe?x=Y"
    assert normalize_url('https://h/a%20b~c/"<d>') == "https://h/a%20b~c/%22%3Cd%3E"
    for other in ("", "*", "https://*.example.org", "http+unix://%2Frun%2Fa.sock/figserve", "https://a:b", "/path"):
        assert normalize_url(other) == other


def test_origins_and_names():
    """An origin has the scheme and the port; a name has neither."""
    assert get_origin("https://A.example:443/x") == "https://a.example"
    assert get_origin("http://a.example:8888") == "http://a.example:8888"
    assert get_origin("null") == get_origin("") == ""
    assert get_host_name("A.example.:8443") == "a.example"
    assert get_host_name("a.example:x") == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://plätze.example",
        "http://h:8888/base/",
        "HTTPS://H.",
        "http://192.0.2.1:80",
        "http://[2001:DB8::1]:8888/x",
        "http://a_b.c-d.example",
        "http://xn--pltze-hra.example",
        "http://h1.example",
        "https://h/größe",
    ],
)
def test_addresses_of_servers(url):
    """Of http and https."""
    assert is_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "plots.example.org",
        "ftp://h",
        "https://",
        "https://h:0",
        "https://u:p@h",
        "https://@h",
        "https://h?x",
        "https://h#x",
    ]
    # Hosts that no browser asks for under this name, so that each request would be refused.
    + ["https://*", "https://*.example.org", "https://a..b", "https://.", "https://-a.b", 'https://a"b', "https://a;b"]
    + [
        "https://a,b",
        "https://<b>",
        "https://{host}",
        "https://%61.b",
        f"https://{'a' * 64}.b",
        "https://" + "a." * 128,
    ]
    + ["http://127.1", "http://0x7f.1", "http://2130706433", "http://010.0.0.1", "http://256.0.0.1", "http://a.1"]
    + ["https://h/a b", "https://h/a\\b", "https://h/\0", "https://h\n", "https://[::1", "https://[z]"],
)
def test_other_text_is_no_address(url):
    """Without a scheme, with credentials or with a query."""
    assert not is_address(url)
