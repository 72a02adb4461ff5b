"""The Content-Security-Policy of HTML figures, also written into documents that leave the server. Any process."""

from __future__ import annotations

import codecs
import re

HTML_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:;"
    " font-src data:; worker-src blob:; connect-src 'none'; base-uri 'none'; form-action 'none'"
)
"""Scripts of the document run, but load nothing and send nothing elsewhere."""
_META = f'<meta http-equiv="Content-Security-Policy" content="{HTML_POLICY}">'.encode()
_BEFORE_HEAD = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|<!--(?!-?>).*?-->|<!doctype\b[^>]*>)*", re.IGNORECASE | re.DOTALL)
"""What may come before the first element without becoming a part of the page. Source: HTML standard, 13.1."""


def with_policy(document: bytes) -> bytes:
    """Return a document with its policy as the first element, for opening it from a disk.

    A ``meta`` element cannot sandbox the document, but holds for all that comes after it. Source: CSP level 3, 3.3.
    """
    if document.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        document = codecs.BOM_UTF8 + document.decode("utf-16", "replace").encode()
    start = _BEFORE_HEAD.match(document)
    end = 0 if start is None else start.end()
    return document[:end] + _META + document[end:]
