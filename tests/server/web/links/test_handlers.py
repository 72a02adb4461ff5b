"""Links over HTTP for their owners: create, list, find, change and revoke, and the limit of their life."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.links import hash_secret
from jupyter_figserve.model.times import rfc3339
from jupyter_figserve.server.services.links.qr_code import make_qr_code
from jupyter_figserve.server.web.links import handlers
from jupyter_figserve.store.catalog import links

from ...making import FakeDirectory
from ...sample_images import png

DAY = 86_400


class TestMake:
    async def test_url_is_in_no_list(self, owner, context):
        """The response to its creation has the token; the store has a hash."""
        figure = await owner.publish()
        link = await owner.share(figure, label="for Ann")
        token = link["url"].rpartition("/")[2]
        assert link["url"] == f"{owner.prefix}/f/{token}"
        assert link["image_url"] == link["url"] + ".png"
        for path in ("/api/links", f"/api/links/{link['id']}", f"/api/figures/{figure['id']}/links"):
            assert token not in (await owner.get(path)).text
        for file in context.store.directory.rglob("*"):
            assert not file.is_file() or token.encode() not in file.read_bytes()
        assert links.find_by_token(context.store.catalog.reader, token).token_hash == hash_secret(token)

    async def test_link_lives_thirty_days_by_default(self, owner, clock):
        """Also when expires is null; "never" must be explicit."""
        figure = await owner.publish()
        for wishes in ({}, {"expires": None}):
            assert (await owner.share(figure, **wishes))["expires"] == rfc3339(clock.now + 30 * DAY)
        assert (await owner.share(figure, expires="never"))["expires"] is None

    @pytest.mark.parametrize(("expires", "seconds"), [("90s", 90), ("12h", 12 * 3600), ("7d", 7 * DAY)])
    async def test_durations(self, owner, clock, expires, seconds):
        """In each unit."""
        assert (await owner.share(await owner.publish(), expires=expires))["expires"] == rfc3339(clock.now + seconds)

    async def test_expiry_may_be_a_time(self, owner, clock):
        """RFC 3339, in any zone."""
        link = await owner.share(await owner.publish(), expires="2030-01-01T02:00:00+02:00")
        assert link["expires"] == "2030-01-01T00:00:00.000Z"

    INVALID = (
        {"expires": "soon"},
        {"expires": "0d"},
        {"expires": "2001-01-01T00:00:00Z"},
        {"expires": True},
        {"expires": 60},
        {"expires": "7"},
        {"expires": ["7d"]},
        {"views": 0},
        {"views": True},
        {"views": "3"},
        {"views": 1.5},
        {"views": 1_000_001},
        {"version": 0},
        {"label": 7},
        {"label": "x" * 201},
        {"audience": "everybody"},
        {"lock": {"type": "Deer"}},
        {"allow": ["type"]},
        {"token": "mine"},
    )

    async def test_invalid_request_is_rejected(self, owner):
        """400, and no link is created."""
        figure = await owner.publish()
        for body in self.INVALID:
            assert (await owner.post(f"/api/figures/{figure['id']}/links", body)).status == 400, body
        assert (await owner.get("/api/links")).json()["links"] == []

    async def test_other_audiences_need_a_hub(self, owner):
        """409, because without one there are no users or groups."""
        figure = await owner.publish()
        answer = await owner.post(f"/api/figures/{figure['id']}/links", {"audience": "people"})
        assert (answer.status, answer.code) == (409, "no_hub")

    async def test_version_must_exist(self, owner):
        """404 for a version that does not exist."""
        figure = await owner.publish()
        assert (await owner.post(f"/api/figures/{figure['id']}/links", {"version": 2})).status == 404

    async def test_link_of_a_local_server_is_marked(self, owner):
        """On loopback, the response says so, and how to change it."""
        link = await owner.share(await owner.publish())
        assert link["local_only"] is True
        assert "public_url" in link["note"]

    async def test_snippets_contain_the_link(self, owner):
        """Each snippet is escaped for its notation."""
        link = await owner.share(await owner.publish(title="A [b] <i> & 50%"))
        snippets = link["snippets"]
        assert snippets["url"] == link["url"]
        assert snippets["markdown"].startswith(r"[![A \[b\] \<i\> \& 50%](")
        assert 'alt="A [b] &lt;i&gt; &amp; 50%"' in snippets["html"]
        assert f'src="{link["url"]}/embed"' in snippets["iframe"]
        assert r"\& 50\%" in snippets["latex"]


class TestUrlAgain:
    async def test_owner_reads_the_url_again(self, owner, make_key, caplog):
        """With a login or a key with the scope publish; no cache keeps it, and each is logged without the token."""
        figure = await owner.publish()
        made = await owner.share(figure)
        caplog.set_level("INFO")
        for caller in (owner, owner.with_key(await make_key("publish"))):
            answer = await caller.get(f"/api/links/{made['id']}/url")
            assert answer.headers["Cache-Control"] == "private, no-store"
            assert answer.json() == {name: made[name] for name in answer.json()}
            assert answer.json()["url"] == made["url"]
        audited = [line for line in caplog.messages if line.startswith(f"Audit: link.address_copied {made['id']}")]
        assert len(audited) == 2
        assert made["url"].rpartition("/")[2] not in caplog.text

    @pytest.mark.parametrize(("suffix", "mimetype"), [("svg", "image/svg+xml"), ("png", "image/png")])
    async def test_qr_code_is_kept_like_the_url(self, owner, stranger, make_key, caplog, suffix, mimetype):
        """Only the owner gets it, no cache keeps it, and each is logged as a copy of the URL."""
        made = await owner.share(await owner.publish())
        path = f"/api/links/{made['id']}/qr.{suffix}"
        caplog.set_level("INFO")
        answer = await owner.get(path, download="")
        assert (answer.status, answer.mimetype) == (200, mimetype)
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.body == make_qr_code(made["url"], suffix)
        others = [stranger, owner.with_key(await make_key("publish", owner="bob"))]
        assert [(await client.get(path)).status for client in others] == [401, 404]
        assert sum(line.startswith(f"Audit: link.address_copied {made['id']}") for line in caplog.messages) == 1

    async def test_nobody_else_does(self, owner, stranger, browser, make_key):
        """No stranger, no key that only reads, no other owner (even an admin), and no page of another site."""
        made = await owner.share(await owner.publish())
        path = f"/api/links/{made['id']}/url"
        other = owner.with_key(await make_key("publish", owner="bob"))
        admin = owner.with_key(await make_key("publish", "admin", owner="bob"))
        reader = owner.with_key(await make_key("read"))
        foreign = browser.with_headers(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")
        answers = [await client.get(path) for client in (stranger, reader, other, admin, foreign)]
        assert [answer.status for answer in answers] == [401, 403, 404, 403, 403]
        assert answers[3].code == "not_owner"
        assert all(made["url"].rpartition("/")[2] not in answer.text for answer in answers)

    async def test_link_of_a_lost_secret(self, owner, stranger, context):
        """409; the link itself still works."""
        made = await owner.share(await owner.publish())
        context.link_tokens._keys[:] = [b"another"]
        assert (await owner.get(f"/api/links/{made['id']}/url")).code == "address_unknown"
        assert (await stranger.get(made["url"])).status == 200

    async def test_pinned_link_keeps_its_size(self, owner):
        """The snippets are those of the version that it shows."""
        figure = await owner.publish(data=png(20, 10))
        made = await owner.share(figure, version=1)
        await owner.publish(data=png(40, 30))
        answer = await owner.get(f"/api/links/{made['id']}/url")
        assert answer.json()["snippets"] == made["snippets"]


class TestPublicUrl:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"public_url": "https://plots.example.org/jupyter"}

    async def test_links_are_written_with_public_url(self, owner):
        """They work from elsewhere, and the response has no note."""
        link = await owner.share(await owner.publish())
        assert link["url"].startswith("https://plots.example.org/jupyter/figserve/f/")
        assert (link["local_only"], link["note"]) == (False, None)


class TestBounds:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"link_max_age": "10d"}

    async def test_link_max_age_bounds_links(self, owner, clock):
        """When a link is created and, from then on, when it is prolonged; "never" and the default count too."""
        figure = await owner.publish()
        for wishes in ({"expires": "11d"}, {"expires": "never"}, {}):
            answer = await owner.post(f"/api/figures/{figure['id']}/links", wishes)
            assert (answer.status, answer.code) == (400, "link_too_long")
        link = await owner.share(figure, expires="10d")
        clock.advance(5 * DAY)
        assert (await owner.patch(f"/api/links/{link['id']}", {"expires": "5d"})).status == 200
        assert (await owner.patch(f"/api/links/{link['id']}", {"expires": "6d"})).code == "link_too_long"


class TestOwnerOnly:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"max_audience": "me"}

    async def test_administrator_can_disable_public_links(self, owner, stranger):
        """403 with the setting's name for an audience that is too wide; by default only the owner sees the link."""
        figure = await owner.publish()
        answer = await owner.post(f"/api/figures/{figure['id']}/links", {"audience": "link"})
        assert (answer.status, answer.code) == (403, "audience_too_wide")
        assert 'FigServe.max_audience = "link"' in answer.json()["error"]
        link = await owner.share(figure)
        assert link["audience"] == "me"
        assert (await stranger.get(link["image_url"])).status == 401
        assert (await owner.get(link["image_url"])).status == 200
        assert (await owner.patch(f"/api/links/{link['id']}", {"audience": "link"})).code == "audience_too_wide"


class TestList:
    async def test_newest_is_first_and_pages_follow(self, owner, clock):
        """Each link is listed once; a query selects those of one figure."""
        figures = [await owner.publish(name) for name in ("a", "b")]
        made = []
        for number in range(5):
            clock.advance(number // 2)
            made.append((await owner.share(figures[number % 2], label=str(number)))["id"])
        found, cursor = [], {}
        while cursor is not None:
            page = (await owner.get("/api/links", limit=2, **cursor)).json()
            found += [link["id"] for link in page["links"]]
            cursor = page["next"] and {"cursor": page["next"]}
        assert sorted(found) == sorted(made)
        assert found[0] == made[4]
        of_b = (await owner.get("/api/links", figure=figures[1]["id"])).json()["links"]
        assert [link["id"] for link in of_b] == [made[3], made[1]]

    async def test_unknown_cursor_is_rejected(self, owner):
        """An invalid cursor is an error, not the first page again."""
        assert (await owner.get("/api/links", cursor="lnkxxxxxxxxxxxx")).code == "invalid_cursor"


class TestChange:
    async def test_pause_label_and_end(self, owner, clock):
        """Each can be changed alone; the others stay."""
        link = await owner.share(await owner.publish(), label="one", views=7)
        path = f"/api/links/{link['id']}"
        assert (await owner.patch(path, {"paused": True})).json()["paused"] is True
        assert (await owner.patch(path, {"label": "two"})).json()["label"] == "two"
        changed = (await owner.patch(path, {"expires": "1h"})).json()
        assert changed["expires"] == rfc3339(clock.now + 3600)
        assert (changed["paused"], changed["label"], changed["views"]) == (True, "two", 7)
        changed = (await owner.patch(path, {"views": None, "audience": "me"})).json()
        assert (changed["views"], changed["audience"], changed["label"]) == (None, "me", "two")
        assert (await owner.get(path)).json() == changed

    async def test_two_changes_at_the_same_time_are_both_made(self, owner, monkeypatch):
        """A limit of views is set while the names of another change are looked up, which has to do with it."""
        board = (
            await owner.post("/api/dashboards", {"title": "Board", "rows": [[{"kind": "text", "markdown": "Hi"}]]})
        ).json()
        link = (await owner.post(f"/api/dashboards/{board['id']}/links", {})).json()
        path, really_check = f"/api/links/{link['id']}", handlers.check_names

        async def limit_meanwhile(*arguments):
            monkeypatch.setattr(handlers, "check_names", really_check)
            assert (await owner.patch(path, {"views": 2})).status == 200
            await really_check(*arguments)

        monkeypatch.setattr(handlers, "check_names", limit_meanwhile)
        changed = await owner.patch(path, {"lock": {}, "allow": []})
        assert (changed.status, changed.json()["views"]) == (200, 2)
        assert (await owner.get(path)).json()["views"] == 2

    async def test_expired_link_can_be_extended(self, owner, stranger, clock):
        """The same URL works again."""
        link = await owner.share(await owner.publish(), expires="1h")
        clock.advance(3601)
        assert (await stranger.get(link["url"])).status == 404
        await owner.patch(f"/api/links/{link['id']}", {"expires": "1h"})
        assert (await stranger.get(link["url"])).status == 200

    @pytest.mark.parametrize(
        "body",
        [
            {"paused": "yes"},
            {"paused": None},
            {"expires": "soon"},
            {"views": 0},
            {"version": 1},
            {"url": ""},
            {"allow": ["type"]},
            {"audience": "everybody"},
            {"audience": ""},
        ],
    )
    async def test_invalid_change_is_rejected(self, owner, body):
        """400, and nothing changes."""
        link = await owner.share(await owner.publish())
        before = (await owner.get(f"/api/links/{link['id']}")).json()
        assert (await owner.patch(f"/api/links/{link['id']}", body)).status == 400
        assert (await owner.get(f"/api/links/{link['id']}")).json() == before

    async def test_revoked_link_is_unknown(self, owner):
        """For its owner too; revoking it again is 404."""
        link = await owner.share(await owner.publish())
        path = f"/api/links/{link['id']}"
        assert [(await owner.delete(path)).status for _ in range(2)] == [204, 404]
        assert (await owner.get(path)).status == (await owner.patch(path, {})).status == 404
        assert (await owner.get("/api/links")).json()["links"] == []


class TestFind:
    """The link of a URL, for owners who have the URL and want to revoke it."""

    async def test_any_of_its_urls(self, owner):
        """That of the page, of the image, of /embed."""
        link = await owner.share(await owner.publish())
        for url in (link["url"], link["image_url"], link["url"] + "/embed", link["url"] + "?x=1"):
            answer = await owner.post("/api/links/find", {"url": url})
            assert (answer.status, answer.json()["id"]) == (200, link["id"])
            assert "url" not in answer.json()

    async def test_unknown_and_other_owners_links(self, owner, stranger, make_key):
        """Unknown, revoked and another owner's links are the same 404; a URL that is no link's is 400."""
        link = await owner.share(await owner.publish())
        other = stranger.with_key(await make_key("publish", owner="ana"))
        assert (await other.post("/api/links/find", {"url": link["url"]})).status == 404
        assert (await owner.post("/api/links/find", {"url": "/f/" + "x" * 32})).status == 404
        await owner.delete(f"/api/links/{link['id']}")
        assert (await owner.post("/api/links/find", {"url": link["url"]})).status == 404
        for body in ({}, {"url": 7}, {"url": "https://example.org/"}, {"url": link["url"] + "x"}):
            assert (await owner.post("/api/links/find", body)).status == 400

    async def test_it_requires_the_scope_to_revoke(self, stranger, make_key):
        """Readers and anonymous clients may not."""
        body = {"url": "/f/" + "x" * 32}
        assert (await stranger.post("/api/links/find", body)).status == 401
        assert (await stranger.with_key(await make_key("read")).post("/api/links/find", body)).status == 403


async def test_unknown_people_are_no_audience(publisher, context, monkeypatch):
    """400 names them, in a new link and in a changed one; those who were named before may stay."""
    owner, directory = await publisher(), FakeDirectory({"ada": "", "bob": ""}, ("lab",))
    monkeypatch.setattr(context.owner_guard, "directory", directory)
    figure = await owner.publish()
    link = await owner.share(figure, users=["ada", "bob"], groups=["lab"])
    for answer in (
        await owner.post(f"/api/figures/{figure['id']}/links", {"users": ["ada", "adda"]}),
        await owner.patch(f"/api/links/{link['id']}", {"users": ["adda"]}),
    ):
        assert (answer.status, answer.code) == (400, "unknown_user")
        assert "'adda'" in answer.json()["error"]
    del directory.users["bob"]
    assert (await owner.patch(f"/api/links/{link['id']}", {"users": ["bob"]})).json()["users"] == ["bob"]
