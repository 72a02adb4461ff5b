"""Images as responses: cached blobs, ranges, ETags, and headers of each format."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tornado.httputil import HTTPHeaders

from jupyter_figserve.errors import RangeNotSatisfiable, Unavailable
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.formats import FORMATS
from jupyter_figserve.server.web.http.conditional_get import ConditionalGetMixin, parse_range
from jupyter_figserve.server.web.http.representation import RepresentationResponse
from jupyter_figserve.store.files.blob_cache import BlobCache

ETAG = '"' + "0" * 64 + '"'


class FakeBlobs:
    """Blobs in memory that count the reads of each."""

    def __init__(self, *blobs: bytes) -> None:
        self.held = {sha256_hex(data): data for data in blobs}
        self.reads: list[str] = []

    def find(self, digest: str) -> bytes | None:
        self.reads.append(digest)
        return self.held.get(digest)


def make_handler(method: str = "GET", **headers: str) -> ConditionalGetMixin:
    named = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()})
    handler = ConditionalGetMixin.__new__(ConditionalGetMixin)
    handler.request = SimpleNamespace(method=method, headers=named)
    return handler


class TestCache:
    def test_blob_is_read_once(self):
        """The second time it comes from the cache."""
        blobs = FakeBlobs(b"a" * 10)
        cache = BlobCache(blobs, 1000)
        assert {cache.get(sha256_hex(b"a" * 10)) for _ in range(3)} == {b"a" * 10}
        assert len(blobs.reads) == 1

    def test_memory_is_bounded_and_the_least_used_goes(self):
        """The least recently used blobs are evicted."""
        parts = [bytes([n]) * 100 for n in range(9)]
        blobs = FakeBlobs(*parts)
        cache = BlobCache(blobs, 800)
        for part in parts[:8]:
            cache.get(sha256_hex(part))
        cache.get(sha256_hex(parts[0]))
        cache.get(sha256_hex(parts[8]))
        blobs.reads.clear()
        for part in (parts[0], parts[8], parts[1]):
            cache.get(sha256_hex(part))
        assert blobs.reads == [sha256_hex(parts[1])]

    def test_large_blob_is_not_kept(self):
        """It would evict all others."""
        blobs = FakeBlobs(b"a" * 200)
        cache = BlobCache(blobs, 800)
        for _ in range(2):
            cache.get(sha256_hex(b"a" * 200))
        assert len(blobs.reads) == 2

    def test_nothing_is_kept_with_a_limit_of_nothing(self):
        """With ``cache_bytes = 0`` each is read from the disk."""
        blobs = FakeBlobs(b"a")
        cache = BlobCache(blobs, 0)
        for _ in range(2):
            assert cache.get(sha256_hex(b"a")) == b"a"
        assert len(blobs.reads) == 2

    def test_missing_blob_is_said_to_be_missing(self):
        """Its absence is not cached."""
        blobs = FakeBlobs()
        cache = BlobCache(blobs, 800)
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                cache.get(sha256_hex(b"a"))
        assert caught.value.code == "blob_missing"
        assert len(blobs.reads) == 2


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
def test_what_sends_all(headers, all_of_it):
    """A range, a 304 and a 416 are not the whole body."""
    data = b"0123456789"
    response = RepresentationResponse(FORMATS["png"], sha256_hex(data), "x.png", "no-store", data, is_public=True)
    assert make_handler(**headers).sends_full_body(response) is all_of_it


@pytest.mark.parametrize("row", FORMATS.values(), ids=list(FORMATS))
def test_headers_of_each_format(row):
    """Content type with charset, the digest as ETag, and a file name from the id."""
    values = RepresentationResponse(row, "0" * 64, f"abc.{row.name}", "no-store", b"", is_public=False).headers
    assert values["ETag"] == ETAG
    assert values["Content-Disposition"] == f"inline; filename*=UTF-8''abc.{row.name}"
    assert values["Content-Type"].endswith("; charset=utf-8") == row.is_text
    assert "Access-Control-Allow-Origin" not in values
    assert (values.get("Content-Encoding") == "gzip") == (row.name == "svgz")
