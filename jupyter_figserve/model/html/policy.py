"""The Content-Security-Policy of HTML figures, as a header and inside files that leave the server. Any process."""

from __future__ import annotations

import codecs
import html

from .scripts import disable_webrtc, script_hashes

_POLICY = (
    "default-src 'none'; script-src {scripts} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:;"
    " font-src data:; worker-src blob:; connect-src 'none'; base-uri 'none'; form-action 'none'"
)
HTML_POLICY = _POLICY.format(scripts="'unsafe-inline'")
"""Scripts of the document run, but load nothing and send nothing elsewhere."""
_FILE = """<!doctype html>
<html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>html, body, iframe {{ display: block; width: 100%; height: 100%; margin: 0; border: 0; }}</style></head>
<body><iframe sandbox="allow-scripts" title="Figure" srcdoc="{document}"></iframe></body></html>
"""


def frame_in_file(document: bytes) -> bytes:
    """Return a page that shows a document under its policy when it is opened from a disk.

    The document is text in an attribute of the page, not a part of it: whatever begins it, it cannot come before the
    policy, which its frame inherits. The frame has an opaque origin, and so have frames inside it, whose windows would
    otherwise give back what ``disable_webrtc`` removes. Source: CSP level 3, section 3.3; HTML standard, 7.5.
    """
    is_utf16 = document.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    page = disable_webrtc(document.decode("utf-16" if is_utf16 else "utf-8-sig", "replace"))
    policy = _POLICY.format(scripts=" ".join(script_hashes(page)))
    return _FILE.format(policy=policy, document=html.escape(page)).encode("utf-8", "replace")
