"""Error responses as exceptions."""

from __future__ import annotations

import json

import pytest

from jupyter_figserve import errors
from jupyter_figserve.kernel.client.address import parse_exact
from jupyter_figserve.kernel.client.responses import parse_json, to_error, to_plain_text

ADDRESS = parse_exact("http://host/figserve")
JSON = {"content-type": "application/json; charset=UTF-8"}


def error(status, value, **headers):
    return to_error(status, {**JSON, **headers}, json.dumps(value).encode(), ADDRESS)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidInput),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (415, errors.UnsupportedType),
        (422, errors.OutputInvalid),
        (429, errors.TooManyRequests),
        (500, errors.ServerError),
        (503, errors.Unavailable),
        (507, errors.QuotaExceeded),
    ],
)
def test_each_status_has_its_exception(status, kind):
    """Message and code are those of the server."""
    found = error(status, {"error": "Because.", "code": "some_code"})
    assert type(found) is kind
    assert (str(found), found.code) == ("Because.", "some_code")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_name", errors.InvalidName),
        (400, "invalid_duration", errors.InvalidDuration),
        (503, "store_read_only", errors.ReadOnly),
    ],
)
def test_error_code_is_more_specific_than_the_status(status, code, kind):
    """The code selects a subclass."""
    assert type(error(status, {"error": "x", "code": code})) is kind


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("", 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 60), ("-1", 60)])
def test_retry_after_is_seconds(header, seconds):
    """A missing or malformed Retry-After means one minute."""
    assert error(429, {"error": "x"}, **{"retry-after": header}).retry_after == seconds


def test_messages_reach_the_notebook_as_plain_text():
    """Escape sequences, control characters and bidirectional marks are removed from messages."""
    text = "a\x1b[31mred\x1b[0m \x1b]0;title\x07b\x00\r\nc\u202ed" + "x" * 1000
    assert to_plain_text(text).startswith("a red b cd")
    assert len(to_plain_text(text)) == 500
    assert "\x1b" not in str(error(400, {"error": text}))


def test_html_of_error_pages_is_not_shown():
    """An HTML page of another program only means that the extension is missing."""
    found = to_error(404, {"content-type": "text/html"}, b"<html><script>", ADDRESS)
    assert type(found) is errors.ServerError
    assert "no jupyter_figserve at /figserve" in str(found)
    assert "<" not in str(to_error(500, {"content-type": "text/html"}, b"<html>", ADDRESS))


def test_json_error_of_another_program():
    """Jupyter's own 404 is JSON too, with other fields."""
    found = error(404, {"message": "Not Found", "reason": None})
    assert (type(found), found.code) == (errors.ServerError, "not_figserve")


def test_https_server_that_is_asked_without_tls():
    """What nginx, Apache and Go answer becomes the scheme to use."""
    for text in (
        b"The plain HTTP request was sent to HTTPS port",
        b"You're speaking plain HTTP to an SSL-enabled server port.",
        b"Client sent an HTTP request to an HTTPS server.",
    ):
        found = to_error(400, {"content-type": "text/html"}, b"<html>" + text, ADDRESS)
        assert isinstance(found, errors.NotConnected)
        assert "use an address with https://" in str(found)


def test_redirect_is_reported_and_not_followed():
    """A login page means a wrong credential; any other redirect is another address."""
    login = to_error(302, {"location": "/hub/login?next=secret"}, b"", ADDRESS)
    moved = to_error(301, {"location": "https://other/figserve?a=secret"}, b"", ADDRESS)
    assert isinstance(login, errors.Unauthorized)
    assert isinstance(moved, errors.ServerError)
    assert "https://other/figserve" in str(moved)
    assert "secret" not in str(login) + str(moved)


def test_invalid_json_is_a_server_error():
    """Truncated JSON does not raise the parser's own error."""
    with pytest.raises(errors.ServerError):
        parse_json(b'{"a":')


@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b'"x"'])
def test_responses_are_objects(body):
    """Those of other servers may be anything."""
    with pytest.raises(errors.ServerError, match="is not a jupyter_figserve server"):
        parse_json(body)


def test_missing_field_is_of_another_version():
    """Of the response and of the objects in it; it is no KeyError for people to read."""
    value = parse_json(b'{"figures": [{"id": "x"}]}')
    assert value == {"figures": [{"id": "x"}]}
    assert value.get("next") is None
    for record, name in ((value, "links"), (value["figures"][0], "url")):
        with pytest.raises(errors.ServerError, match=f"has no '{name}'. Server and client have different versions"):
            record[name]
