"""``/api/diagnosis``: the server's own findings, for callers who may see paths of its machine."""

from __future__ import annotations

import os
import sys

import pytest

from jupyter_figserve.store.admin import diagnosis


async def test_it_tells_where_it_is(owner, context):
    """Its process, interpreter and data directory, which is intact and private."""
    answer = (await owner.get("/api/diagnosis")).json()
    assert (answer["process"], answer["python"]) == (os.getpid(), sys.executable)
    assert answer["read_only_because"] is None
    assert answer["public_url"] is None
    directory = answer["directory"]
    assert directory["path"] == str(context.store.directory)
    assert directory["exists"]
    assert directory["is_writable"]
    assert directory["is_own"]
    assert directory["open_to_others"] == []
    assert 0 < directory["free"] < directory["total"]


async def test_it_needs_the_admin_scope(stranger, make_key):
    """It needs a login or the scope admin."""
    assert (await stranger.get("/api/diagnosis")).status == 401
    key = await make_key("read", "publish", "render")
    assert (await stranger.with_key(key).get("/api/diagnosis")).status == 403
    assert (await stranger.with_key(await make_key("admin")).get("/api/diagnosis")).status == 200


async def test_files_open_to_others_are_named(owner, context):
    """With their paths."""
    (context.store.directory / "signing.keys").chmod(0o644)
    directory = (await owner.get("/api/diagnosis")).json()["directory"]
    assert directory["open_to_others"] == [str(context.store.directory / "signing.keys")]


async def test_windows_has_no_modes(owner, context, monkeypatch):
    """They say nothing of who may read a file there."""
    (context.store.directory / "signing.keys").chmod(0o666)
    monkeypatch.setattr(diagnosis, "has_modes", lambda: False)
    assert (await owner.get("/api/diagnosis")).json()["directory"]["open_to_others"] == []


class TestPublicUrl:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"public_url": "https://plots.example.org/x"}

    async def test_event_has_urls_with_our_prefix(self, owner):
        """The public URL includes our prefix."""
        assert (await owner.get("/api/diagnosis")).json()["public_url"] == "https://plots.example.org/x/figserve"
