"""HTML figures in files that leave the server: their scripts by digest, without WebRTC. Any process.

A file has no response headers, and a ``<meta>`` policy cannot forbid WebRTC in any browser. Each script of a
figure therefore begins by removing the constructor. Its policy allows scripts by digest alone, so frames that a
figure makes can run no others.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

_GUARD = "delete self.RTCPeerConnection;delete self.webkitRTCPeerConnection;"
_STRICT = '"use strict";'
_SCRIPT = re.compile(r"""(<script\b((?:[^>"']|"[^"]*"|'[^']*')*)>)(.*?)(</script\s*>)""", re.IGNORECASE | re.DOTALL)
_TYPE = re.compile(r"""\btype\s*=\s*["']?\s*([^\s"'>]*)""", re.IGNORECASE)
_JAVASCRIPT = re.compile(r"|module|(text|application)/(x-)?(java|ecma)script", re.IGNORECASE)
_IS_STRICT = re.compile(r"""(?:\s|//[^\n]*\n|/\*.*?\*/)*["']use strict["']""", re.DOTALL)


def disable_webrtc(page: str) -> str:
    """Return HTML whose inline scripts first remove what opens WebRTC connections."""
    return _SCRIPT.sub(_guard, page)


def script_hashes(page: str) -> list[str]:
    """Return the sources of a ``script-src`` that allow the inline scripts of a page from ``disable_webrtc``.

    A script that it did not change is missing from them.
    """
    parser = _ScriptParser()
    parser.feed(page)
    parser.close()
    starts = (_GUARD, _STRICT + _GUARD)
    return [hash_source(script) for script in dict.fromkeys(parser.found) if script.startswith(starts)]


def hash_source(script: str) -> str:
    """Return the source of a ``script-src`` or ``style-src`` that allows an inline text."""
    normalized = script.replace("\r\n", "\n").replace("\r", "\n")
    return f"'sha256-{base64.b64encode(hashlib.sha256(normalized.encode()).digest()).decode()}'"


def _guard(match: re.Match[str]) -> str:
    start, attributes, script, end = match.groups()
    kind = _TYPE.search(attributes)
    if not script.strip() or (kind and not _JAVASCRIPT.fullmatch(kind[1])):
        return match[0]
    # A directive prologue has effect only at the beginning.
    strict = _STRICT if _IS_STRICT.match(script) else ""
    return f"{start}{strict}{_GUARD}{script}{end}"


class _ScriptParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_inside = tag == "script"
        if self._is_inside:
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            self.found[-1] += data
