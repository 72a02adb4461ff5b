"""Names in queries: their form, and those that others add to addresses."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.query_names import is_ignored, is_tracker, normalize_name, read_query_name

NFD, NFC = "gro\u0308ße", "größe"


@pytest.mark.parametrize(
    "name",
    ["utm_source", "utm_x", "mc_cid", "fbclid", "gclid", "dclid", "msclkid", "igshid", "_ga"]
    + ["UTM_Source", "igsh", "ttclid", "twclid", "yclid", "srsltid", "gbraid", "wbraid", "gad_source", "ScCid"],
)
def test_trackers(name):
    """What mailers, social networks and search engines add."""
    assert is_tracker(name)
    assert is_ignored(name)


@pytest.mark.parametrize("name", ["token", "download", "errors", "no_track_activity"])
def test_reserved_names(name):
    """Names with a meaning of their own are no trackers, and no mistakes either."""
    assert is_ignored(name)
    assert not is_tracker(name)


@pytest.mark.parametrize("name", ["type", "since", "utm", "mc", "gclids", "source", ""])
def test_other_names(name):
    """A name that nobody declared stays a mistake."""
    assert not is_ignored(name)


def test_name_as_tornado_reads_it():
    """UTF-8 that was decoded as Latin-1, in NFC or NFD, and an & from HTML source."""
    for name in (NFC, NFD):
        assert read_query_name(name.encode().decode("latin-1")) == NFC
    assert read_query_name("amp;since") == "since"
    assert read_query_name("\xff") == "\xff"
    assert normalize_name("ﬁ") == "fi"
