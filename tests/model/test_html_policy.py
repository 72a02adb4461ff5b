"""Documents with their policy: it comes before everything that could act, and allows their own scripts only."""

from __future__ import annotations

import re

import pytest

from jupyter_figserve.model.html_policy import with_policy

META = re.compile('<meta http-equiv="Content-Security-Policy" content="([^"]*)">')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "<p>1"),
        ("<!DOCTYPE html>\n", "<html lang=en><head><title>1</title>"),
        ("\ufeff <!-- made by x --> <!doctype html>\n<!-- > -->\n", "<head>"),
        # The standard ends these comments at once.
        ("", "<!--><b>1</b>-->"),
        ("", "<!---><b>1</b>-->"),
        ("", "<!-- not ended <b>1</b>"),
        ("", "text <!doctype html>"),
        ("", ""),
    ],
)
def test_policy_is_the_first_element(before, after):
    """After the doctype, without which the browser would change to quirks mode."""
    parts = META.split(with_policy((before + after).encode()).decode())
    assert (parts[0], parts[2]) == (before, after)


def test_only_the_documents_own_scripts_run():
    """By digest, without WebRTC; nothing is loaded from elsewhere."""
    before, policy, after = META.split(with_policy(b"<!doctype html><script>1</script>").decode())
    assert (before, "delete self.RTCPeerConnection" in after) == ("<!doctype html>", True)
    directives = dict(one.strip().split(" ", 1) for one in policy.split(";"))
    assert (directives["default-src"], directives["connect-src"]) == ("'none'", "'none'")
    assert re.fullmatch("'sha256-[^ ]+' 'unsafe-eval'", directives["script-src"])


def test_document_in_utf_16():
    """It becomes UTF-8, in which the policy is readable."""
    assert with_policy("<p>ä".encode("utf-16")).decode().endswith("<p>ä")
