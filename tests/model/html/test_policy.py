"""Documents in files: in a sandboxed frame, under a policy that comes before them and allows their own scripts only."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from jupyter_figserve.model.html.policy import frame_in_file


class FilePage(HTMLParser):
    """The policy, the frame and the element names of a file."""

    def __init__(self, file: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.policy: dict[str, str] = {}
        self.frame: dict[str, str | None] = {}
        self.feed(file.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "meta" and ("http-equiv", "Content-Security-Policy") in attrs:
            assert not self.frame
            self.policy = dict(one.strip().split(" ", 1) for one in str(dict(attrs)["content"]).split(";"))
        if tag == "iframe":
            self.frame = dict(attrs)


@pytest.mark.parametrize(
    "document",
    [
        "<p>1",
        "<!DOCTYPE html>\n<html lang=en><head><title>1</title>",
        # A comment ends at --!>, and these spaces begin the body, where no policy counts.
        "<!-- a --!><b>1</b>-->",
        "\xa0<!doctype html>",
        "\x0b<!doctype html>",
        "\x1c<!doctype html>",
        # In this encoding, a comment that ends for one reader goes on for another.
        '<!--\x1b$B--> <meta charset="iso-2022-jp">\x1b(B-->',
        '"></iframe><b>1</b>',
        "</body></html>&quot;&#34;'",
        "",
    ],
)
def test_kind_C13_document_is_text_in_a_sandboxed_frame(document):
    """Whatever it begins with, nothing of it is an element of the file, or comes before the policy."""
    page = FilePage(frame_in_file(document.encode()))
    assert page.tags == ["html", "head", "meta", "meta", "meta", "style", "body", "iframe"]
    assert page.policy["default-src"] == "'none'"
    assert (page.frame["sandbox"], page.frame["srcdoc"]) == ("allow-scripts", document)


def test_only_the_documents_own_scripts_run():
    """By digest, without WebRTC; nothing is loaded from elsewhere."""
    page = FilePage(frame_in_file(b"<!doctype html><script>1</script>"))
    assert "delete self.RTCPeerConnection" in str(page.frame["srcdoc"])
    assert page.policy["connect-src"] == "'none'"
    assert re.fullmatch("'sha256-[^ ]+' 'unsafe-eval'", page.policy["script-src"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding):
    """The file is UTF-8, and the document has no byte order mark."""
    assert FilePage(frame_in_file("<p>ä".encode(encoding))).frame["srcdoc"] == "<p>ä"
