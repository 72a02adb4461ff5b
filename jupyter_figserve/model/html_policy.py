"""The Content-Security-Policy of HTML figures, as a header and inside files that leave the server. Any process."""

from __future__ import annotations

import codecs
import re

from .framed_html import disable_webrtc, script_hashes

_POLICY = (
    "default-src 'none'; script-src {scripts} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:;"
    " font-src data:; worker-src blob:; connect-src 'none'; base-uri 'none'; form-action 'none'"
)
HTML_POLICY = _POLICY.format(scripts="'unsafe-inline'")
"""Scripts of the document run, but load nothing and send nothing elsewhere."""
_BEFORE_HEAD = re.compile(r"\ufeff?(?:\s+|<!--(?!-?>).*?-->|<!doctype\b[^>]*>)*", re.IGNORECASE | re.DOTALL)
"""What may come before the first element without becoming a part of the page. Source: HTML standard, 13.1."""


def with_policy(document: bytes) -> bytes:
    """Return a document that keeps its policy when it is opened from a disk, as in a saved page.

    The policy is the first element: a ``meta`` cannot sandbox a document, but holds for all that comes after it.
    Source: CSP level 3, section 3.3.
    """
    is_utf16 = document.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    page = disable_webrtc(document.decode("utf-16" if is_utf16 else "utf-8", "replace"))
    policy = _POLICY.format(scripts=" ".join(script_hashes(page)))
    start = _BEFORE_HEAD.match(page)
    end = 0 if start is None else start.end()
    return f'{page[:end]}<meta http-equiv="Content-Security-Policy" content="{policy}">{page[end:]}'.encode()
