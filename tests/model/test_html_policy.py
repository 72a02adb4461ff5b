"""Documents with their policy: it comes before everything that could act, and changes nothing else."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.html_policy import HTML_POLICY, with_policy

META = f'<meta http-equiv="Content-Security-Policy" content="{HTML_POLICY}">'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "<script>1</script>"),
        ("<!DOCTYPE html>\n", "<html lang=en><head><script>1</script>"),
        ("\ufeff <!-- made by x --> <!doctype html>\n<!-- > -->\n", "<head>"),
        # The standard ends these comments at once.
        ("", "<!--><script>1</script>-->"),
        ("", "<!---><script>1</script>-->"),
        ("", "<!-- not ended <script>1</script>"),
        ("", "text <!doctype html>"),
        ("", ""),
    ],
)
def test_policy_is_the_first_element(before, after):
    """After the doctype, without which the browser would change to quirks mode."""
    assert with_policy((before + after).encode()).decode() == before + META + after


def test_document_in_utf_16():
    """It becomes UTF-8, in which the policy is readable."""
    assert with_policy("<p>ä".encode("utf-16")).decode() == "\ufeff" + META + "<p>ä"
