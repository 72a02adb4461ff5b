"""HTML figures inside a saved page."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.html.scripts import disable_webrtc, hash_source, script_hashes

GUARD = "delete self.RTCPeerConnection;delete self.webkitRTCPeerConnection;"


@pytest.mark.parametrize(
    ("tag", "script", "guarded"),
    [
        ("<script>", "plot()", GUARD + "plot()"),
        ("<SCRIPT type=module data-a='>'>", "plot()\r\n", GUARD + "plot()\r\n"),
        ('<script type="text/javascript">', "let a = '<script>'", GUARD + "let a = '<script>'"),
        ("<script>", "/* a */ 'use strict'; b", f"\"use strict\";{GUARD}/* a */ 'use strict'; b"),
    ],
)
def test_script_begins_by_removing_webrtc(tag, script, guarded):
    """It stays in strict mode where it was, and only its new text is allowed."""
    page = disable_webrtc(f"<p>{tag}{script}</script>")
    assert page == f"<p>{tag}{guarded}</script>"
    assert script_hashes(page) == [hash_source(guarded)]


def test_data_stays_as_it_is():
    """JSON in a script element is not changed, and needs no permission."""
    page = '<script type="application/json">{"a": 1}</script><script type="importmap">{}</script><script></script>'
    assert disable_webrtc(page) == page
    assert script_hashes(page) == []


def test_unguarded_script_is_not_allowed():
    """A script that is hidden from us does not run."""
    assert script_hashes("<script>plot()</script>") == []
