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
    """What is no URL of one host stays as it is."""
    assert normalize_url("HTTPS://Plätze.example.:443/Größe?x=Y") == "https://xn--pltze-hra.example/Größe?x=Y"
    for other in ("", "*", "https://*.example.org", "http+unix://%2Frun%2Fa.sock/figserve", "https://a:b", "/path"):
        assert normalize_url(other) == other


def test_origins_and_names():
    """An origin has the scheme and the port; a name has neither."""
    assert get_origin("https://A.example:443/x") == "https://a.example"
    assert get_origin("http://a.example:8888") == "http://a.example:8888"
    assert get_origin("null") == get_origin("") == ""
    assert get_host_name("A.example.:8443") == "a.example"
    assert get_host_name("a.example:x") == ""


@pytest.mark.parametrize("url", ["https://plätze.example", "http://h:8888/base/", "HTTPS://H."])
def test_addresses_of_servers(url):
    """Of http and https."""
    assert is_address(url)


@pytest.mark.parametrize(
    "url", ["plots.example.org", "ftp://h", "https://", "https://h:0", "https://u:p@h", "https://h?x"]
)
def test_other_text_is_no_address(url):
    """Without a scheme, with credentials or with a query."""
    assert not is_address(url)
