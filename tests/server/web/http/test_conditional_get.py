"""Images as responses: ranges, ETags, and headers of each format."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tornado.httputil import HTTPHeaders

from jupyter_figserve.errors import RangeNotSatisfiable
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.formats import FORMATS
from jupyter_figserve.server.web.http.conditional_get import ConditionalGetMixin, parse_range
from jupyter_figserve.server.web.http.representation import RepresentationResponse

ETAG = '"' + "0" * 64 + '"'


def make_handler(method: str = "GET", **headers: str) -> ConditionalGetMixin:
    named = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()})
    handler = ConditionalGetMixin.__new__(ConditionalGetMixin)
    handler.request = SimpleNamespace(method=method, headers=named)
    return handler


class TestRange:
    """RFC 9110, section 14."""

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("bytes=0-0", (0, 0)),
            ("bytes=2-5", (2, 5)),
            ("bytes=2-", (2, 9)),
            ("bytes=2-99", (2, 9)),
            ("bytes=-3", (7, 9)),
            ("bytes=-99", (0, 9)),
            (" bytes=9-9 ", (9, 9)),
            ("bytes=5-2", None),
            ("bytes=-", None),
            ("bytes=", None),
            ("bytes=0-1,3-4", None),
            ("bytes = 0-1", None),
            ("Bytes=0-1", None),
            ("bytes=\u0661-\u0662", None),
            ("bytes=" + "9" * 19 + "-", None),
        ],
    )
    def test_range_of_ten_bytes(self, text, found):
        """The first and last byte, or None for all."""
        assert parse_range(text, 10) == found

    @pytest.mark.parametrize("text", ["bytes=10-", "bytes=10-11", "bytes=-0"])
    def test_range_beyond_the_end(self, text):
        """416 with the size."""
        with pytest.raises(RangeNotSatisfiable) as caught:
            parse_range(text, 10)
        assert caught.value.size == 10

    def test_empty_body_has_no_range(self):
        """An empty body cannot satisfy any range."""
        with pytest.raises(RangeNotSatisfiable):
            parse_range("bytes=0-", 0)

    def test_head_and_a_changed_figure_get_all(self):
        """Ranges are for GET and for an unchanged ETag."""
        assert make_handler("HEAD", Range="bytes=0-1")._find_range(ETAG, 10) is None
        assert make_handler(Range="bytes=0-1", If_Range='"x"')._find_range(ETAG, 10) is None
        assert make_handler(Range="bytes=0-1", If_Range="W/" + ETAG)._find_range(ETAG, 10) is None
        assert make_handler(Range="bytes=0-1", If_Range=ETAG)._find_range(ETAG, 10) == (0, 1)


@pytest.mark.parametrize(
    ("header", "fresh"),
    [
        (None, False),
        ("", False),
        (ETAG, True),
        ("W/" + ETAG, True),
        (f'"a", {ETAG}', True),
        ("*", True),
        (ETAG[1:-1], False),
        ('"a"', False),
    ],
)
def test_known_etags(header, fresh):
    """If-None-Match is compared weakly; an unquoted value is not an ETag."""
    assert make_handler(**({} if header is None else {"If_None_Match": header})).is_not_modified(ETAG) is fresh


@pytest.mark.parametrize(
    ("headers", "all_of_it"),
    [
        ({}, True),
        ({"Range": "bytes=0-"}, False),
        ({"Range": "bytes=99-"}, False),
        ({"Range": "bytes=0-0,1-1"}, True),
        ({"If_None_Match": "*"}, False),
    ],
)
def test_sends_full_body(headers, all_of_it):
    """A range, a 304 and a 416 are not the whole body."""
    data = b"0123456789"
    response = RepresentationResponse(FORMATS["png"], sha256_hex(data), "x.png", "no-store", data, is_public=True)
    assert make_handler(**headers).sends_full_body(response) is all_of_it


@pytest.mark.parametrize("row", FORMATS.values(), ids=list(FORMATS))
def test_headers_of_each_format(row):
    """Content type with charset, the digest as ETag, and a file name from the id."""
    values = RepresentationResponse(row, "0" * 64, f"abc.{row.name}", "no-store", b"", is_public=False).headers
    assert values["ETag"] == ETAG
    assert values["Content-Disposition"] == f"inline; filename=\"abc.{row.name}\"; filename*=UTF-8''abc.{row.name}"
    assert values["Content-Type"].endswith("; charset=utf-8") == row.is_text
    assert "Access-Control-Allow-Origin" not in values
    assert (values.get("Content-Encoding") == "gzip") == (row.name == "svgz")
