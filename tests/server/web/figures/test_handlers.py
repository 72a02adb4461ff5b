"""Figures over HTTP for their owners: publish, list, change, delete, images and sources."""

from __future__ import annotations

import hashlib

import pytest

from ...sample_images import HTML, SAMPLES, SVG, multipart, png


class TestPublish:
    async def test_first_publish_makes_a_figure(self, owner):
        """The record has the sent fields, and Location is its page."""
        answer = await owner.ask(
            "POST",
            "/api/figures",
            png(40, 30),
            {"Content-Type": "image/png"},
            name="sales",
            title="Sales",
            alt="A line",
        )
        record = answer.json()
        assert answer.status == 201
        assert answer.headers["Location"] == record["url"] == f"{owner.prefix}/figures/{record['id']}"
        assert {
            k: record[k] for k in ("name", "title", "alt", "owner", "notebook", "session", "version", "origin")
        } == {
            "name": "sales",
            "title": "Sales",
            "alt": "A line",
            "owner": "local",
            "notebook": None,
            "session": None,
            "version": 1,
            "origin": "published",
        }
        (part,) = record["representations"]
        assert (part["mimetype"], part["width"], part["height"]) == ("image/png", 40, 30)
        assert part["digest"] == hashlib.sha256(png(40, 30)).hexdigest()

    @pytest.mark.parametrize("type", SAMPLES)
    async def test_every_format_is_taken_and_given_back(self, owner, type):
        """Published bytes are served unchanged."""
        mimetype, data = SAMPLES[type]
        record = await owner.publish("sales", data, mimetype)
        answer = await owner.get(record["representations"][0]["url"])
        assert (answer.status, answer.body) == (200, data)

    async def test_script_figure_is_stored_as_a_document(self, owner):
        """The JSON of a reopened notebook becomes HTML with its library."""
        body = b'{"data": [{"y": [1, 2]}], "layout": {}}'
        record = await owner.publish("plotly", body, "application/vnd.plotly.v1+json")
        (part,) = record["representations"]
        assert part["mimetype"] == "text/html"
        assert part["size"] > 1_000_000

    async def test_publishing_again_is_a_new_version_of_the_same_figure(self, owner):
        """The id and the links stay."""
        first, second = await owner.publish(), await owner.publish(data=png(grey=9))
        assert (second["id"], second["version"]) == (first["id"], 2)

    async def test_the_same_again_is_no_new_version(self, owner):
        """Equal bytes and text; changed text makes a version."""
        versions = [(await owner.publish(title=title))["version"] for title in ("One", "One", "Two")]
        assert versions == [1, 1, 2]

    async def test_title_makes_a_name(self, owner):
        """Without a name, it is derived from the title."""
        answer = await owner.ask("POST", "/api/figures", png(), {"Content-Type": "image/png"}, title="Sales: of bears!")
        assert answer.json()["name"] == "Sales-of-bears"

    async def test_name_is_wanted(self, owner):
        """Without a name and without a title that can become one, the error says so."""
        for query in ({}, {"title": "!!!"}):
            answer = await owner.ask("POST", "/api/figures", png(), {"Content-Type": "image/png"}, **query)
            assert (answer.status, answer.code) == (400, "name_missing")

    @pytest.mark.parametrize(
        "name", ["", "../x", ".", "a/b", "CON", "com1.png", "\u202ex", "a\x00b", "x" * 101, " x", "-x"]
    )
    async def test_bad_name_is_rejected(self, owner, name):
        """A name outside the grammar, or a Windows device."""
        answer = await owner.ask("POST", "/api/figures", png(), {"Content-Type": "image/png"}, name=name)
        assert answer.status == 400

    async def test_text_in_any_language_is_kept(self, owner):
        """Names are in NFC; titles stay unchanged."""
        record = await owner.publish("Umsa\u0308tze", title="Umsätze \u2014 売上 <b>&")
        assert (record["name"], record["title"]) == ("Umsätze", "Umsätze \u2014 売上 <b>&")

    async def test_kernels_without_a_notebook_have_figures_of_their_own(self, owner, stranger, make_key):
        """Two kernels and a login that use one name publish three figures."""
        clients = [owner, *[stranger.with_key(await make_key("publish", kernel=kernel)) for kernel in ("k1", "k2")]]
        ids = [(await client.publish("sales"))["id"] for client in clients]
        assert len(set(ids)) == 3
        assert (await clients[1].publish("sales", png(grey=9)))["id"] == ids[1]

    async def test_form_has_everything(self, owner):
        """Several representations, a thumbnail, texts, cell and provenance."""
        words = {"name": "both", "title": "Both", "cell": {"id": "c1"}, "provenance": {"matplotlib": "3.11"}}
        sizes = [{}, {"width": 640.4, "height": 480}]
        form = multipart(words | {"sizes": sizes}, ("image/png", png()), ("image/svg+xml", SVG), thumbnail=png(2, 2))
        record = (await owner.ask("POST", "/api/figures", *form)).json()
        assert [(p["mimetype"], p["width"]) for p in record["representations"]] == [
            ("image/png", 4),
            ("image/svg+xml", 640),
        ]
        assert (await owner.get(record["thumbnail"])).body == png(2, 2)
        (version,) = (await owner.get(f"/api/figures/{record['id']}/versions")).json()["versions"]
        assert version["provenance"] == {"cell": {"id": "c1"}, "matplotlib": "3.11"}

    async def test_query_names_with_an_underscore_are_ignored(self, owner):
        """Other unknown names are refused, the empty one too."""
        assert (await owner.publish("sales", **{"_": "1", "_xsrf": "2"}))["name"] == "sales"
        for name in ("", "colour"):
            answer = await owner.ask("POST", "/api/figures", png(), {"Content-Type": "image/png"}, **{name: "x"})
            assert (answer.status, answer.code) == (400, "invalid_input")

    async def test_title_cannot_split_a_header(self, owner):
        """A line break in a title becomes a space."""
        record = await owner.publish(title="One\r\nSet-Cookie: x=1")
        assert record["title"] == "One Set-Cookie: x=1"
        answer = await owner.get(record["representations"][0]["url"])
        assert "Set-Cookie" not in str(answer.headers.get("Content-Disposition"))


class TestQuota:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"owner_quota": {"figures": 1, "bytes": 0}, "keep_versions": 2}

    async def test_exceeded_quota_keeps_existing_figures(self, owner):
        """507 for one figure too many; existing ones still get new versions."""
        figure = await owner.publish("first")
        answer = await owner.ask("POST", "/api/figures", png(), {"Content-Type": "image/png"}, name="second")
        assert (answer.status, answer.code) == (507, "quota_exceeded")
        assert (await owner.get(f"/figures/{figure['id']}.png")).body == png()
        assert (await owner.publish("first", png(grey=1)))["version"] == 2

    async def test_oldest_versions_go(self, owner):
        """``keep_versions`` of them stay, and those with a link."""
        for grey in range(4):
            figure = await owner.publish(data=png(grey=grey))
            if grey == 0:
                await owner.share(figure, version=1)
        versions = (await owner.get(f"/api/figures/{figure['id']}/versions")).json()["versions"]
        assert [version["version"] for version in versions] == [4, 3, 1]


class TestList:
    async def names(self, client, **query) -> list[str]:
        answer = await client.get("/api/figures", **query)
        assert answer.status == 200
        return [record["name"] for record in answer.json()["figures"]]

    async def test_newest_is_first(self, owner, clock):
        """By the time of the last version."""
        for name in ("a", "b", "c"):
            clock.advance(1)
            await owner.publish(name)
        clock.advance(1)
        await owner.publish("a", png(grey=1))
        assert await self.names(owner) == ["a", "c", "b"]

    async def test_pages_follow_each_other(self, owner, clock):
        """In a stable order while figures are published; ``next`` is null at the end."""
        for number in range(5):
            clock.advance(number // 2)  # two of a moment
            await owner.publish(f"n{number}")
        first = (await owner.get("/api/figures", limit=2)).json()
        await owner.publish("late")
        second = (await owner.get("/api/figures", limit=2, cursor=first["next"])).json()
        third = (await owner.get("/api/figures", limit=2, cursor=second["next"])).json()
        found = [record["name"] for page in (first, second, third) for record in page["figures"]]
        assert sorted(found) == [f"n{number}" for number in range(5)]
        assert third["next"] is None

    async def test_filters(self, owner):
        """By name, and by part of a name or title in any case; wildcards are literal."""
        await owner.publish("sales", title="Bears in 100%")
        await owner.publish("costs", title="Wolves")
        assert await self.names(owner, name="sales") == ["sales"]
        assert await self.names(owner, q="BEARS") == ["sales"]
        assert await self.names(owner, q="%") == ["sales"]
        assert await self.names(owner, q="_") == []
        assert await self.names(owner, session="nobody") == []
        assert await self.names(owner, notebook="a.ipynb") == []

    async def test_limit_is_clamped(self, owner):
        """More than a thousand becomes a thousand; zero and less are errors."""
        assert await self.names(owner, limit=10**8) == []
        for limit in ("0", "-1", "x", "1.5", "\u0663"):
            assert (await owner.get("/api/figures", limit=limit)).status == 400

    @pytest.mark.parametrize("cursor", ["x", "W10", "eyJ9", "é", "WzEsMl0", "W251bGwsIngiXQ", "=" * 9])
    async def test_malformed_cursor_is_rejected(self, owner, cursor):
        """400, regardless of what it decodes to."""
        answer = await owner.get("/api/figures", cursor=cursor)
        assert (answer.status, answer.code) == (400, "invalid_cursor")

    async def test_here_selects_figures_of_the_caller(self, owner, stranger, make_key):
        """Without a notebook, the figures of the kernel."""
        client = stranger.with_key(await make_key("read", "publish", kernel="k1"))
        await owner.publish("theirs")
        await client.publish("mine")
        assert await self.names(client, here=1) == ["mine"]
        assert sorted(await self.names(client)) == ["mine", "theirs"]


class TestChange:
    async def test_title_and_alt_are_changed_in_place(self, owner):
        """Without a new version; other fields stay."""
        figure = await owner.publish(title="One", alt="A line")
        changed = (await owner.patch(f"/api/figures/{figure['id']}", {"title": "Two"})).json()
        assert (changed["title"], changed["alt"], changed["version"]) == ("Two", "A line", 1)
        assert (await owner.get(f"/api/figures/{figure['id']}")).json() == changed
        captioned = (await owner.patch(f"/api/figures/{figure['id']}", {"caption": "As of May"})).json()
        assert captioned | {"updated": ""} == changed | {"caption": "As of May", "updated": ""}

    @pytest.mark.parametrize(
        "body", [{"name": "x"}, {"title": 1}, {"title": "x" * 301}, {"alt": "\x00"}, {"caption": "x" * 1_001}, []]
    )
    async def test_invalid_change_is_rejected(self, owner, body):
        """Unknown fields, wrong types, long texts and control characters."""
        figure = await owner.publish()
        assert (await owner.patch(f"/api/figures/{figure['id']}", body)).status == 400

    async def test_deleted_figure_is_unknown(self, owner):
        """Record, versions, page and images are 404, and lists omit it."""
        figure = await owner.publish()
        assert (await owner.delete(f"/api/figures/{figure['id']}")).status == 204
        for path in ("/api/figures/{}", "/api/figures/{}/versions", "/figures/{}", "/figures/{}.png"):
            assert (await owner.get(path.format(figure["id"]))).status == 404
        assert (await owner.get("/api/figures")).json()["figures"] == []

    async def test_all_of_a_maker_go_at_once(self, owner, stranger, make_key):
        """``?here=1`` deletes only the calling kernel's figures; without it or a notebook, the request is refused."""
        client = stranger.with_key(await make_key("read", "publish", kernel="k1"))
        await owner.publish("theirs")
        await client.publish("one")
        await client.publish("two")
        assert (await client.delete("/api/figures")).status == 400
        assert (await client.delete("/api/figures", here=1)).json() == {"deleted": 2}
        assert [f["name"] for f in (await owner.get("/api/figures")).json()["figures"]] == ["theirs"]


class TestMethods:
    async def test_unknown_method_is_405_whatever_the_key(self, owner, stranger, make_key):
        """Only methods that exist need a scope."""
        client = stranger.with_key(await make_key("read"))
        record = f"/api/figures/{(await owner.publish())['id']}"
        for method, path in (("PUT", "/api/figures"), ("POST", record), ("DELETE", "/api/live")):
            answer = await client.ask(method, path, b"x" if method != "DELETE" else None)
            assert (answer.status, answer.code) == (405, "method_not_allowed"), path
            assert "GET" in answer.headers["Allow"]
        assert (await client.delete(record)).status == 403
        assert (await stranger.ask("PUT", "/api/figures", b"x")).status == 401


class TestPlaces:
    """The permanent places of figures published without a kernel."""

    async def test_new_key_updates_the_same_figure(self, owner, stranger, make_key):
        """Neither the key nor a login is part of an identity: figure and links outlive the key that published."""
        first, second = [stranger.with_key(await make_key("read", "publish")) for _ in range(2)]
        figure = await first.publish("load")
        link = await first.share(figure)
        for client, grey in ((second, 1), (owner, 2)):
            again = await client.publish("load", png(grey=grey))
            assert again["id"] == figure["id"]
        assert (again["version"], again["collection"], again["notebook"]) == (3, "default", None)
        assert (await stranger.get(link["image_url"])).body == png(grey=2)

    async def test_collections_are_apart_and_shared_by_all_keys_of_an_owner(self, stranger, make_key):
        """The same name in two collections is two figures; a kernel publishes into a collection by name."""
        script = stranger.with_key(await make_key("read", "publish"))
        kernel = stranger.with_key(await make_key("read", "publish", kernel="k1"))
        nightly = await script.publish("load", collection="nightly")
        weekly = await script.publish("load", collection="weekly")
        again = await kernel.publish("load", png(grey=9), collection="nightly")
        own = await kernel.publish("load")
        assert again["id"] == nightly["id"] != weekly["id"]
        assert (again["collection"], again["version"], own["collection"]) == ("nightly", 2, None)
        listed = (await script.get("/api/figures", collection="nightly")).json()["figures"]
        assert [one["id"] for one in listed] == [nightly["id"]]

    async def test_notebook_instead_of_a_collection(self, owner, stranger, make_key):
        """A script publishes as if from a notebook; its path is written as the server writes it."""
        script = stranger.with_key(await make_key("read", "publish"))
        figure = await script.publish("load", notebook="/reports/a.ipynb")
        assert (figure["notebook"], figure["collection"]) == ("reports/a.ipynb", None)
        assert (await owner.publish("load", notebook="reports/a.ipynb"))["id"] == figure["id"]

    @pytest.mark.parametrize(
        "place",
        [
            {"collection": ""},
            {"collection": "../x"},
            {"collection": "x" * 101},
            {"notebook": ""},
            {"notebook": "../a.ipynb"},
            {"notebook": "a//b.ipynb"},
            {"notebook": "a\\b"},
            {"notebook": "x" * 1001},
            {"collection": "a", "notebook": "b.ipynb"},
        ],
    )
    async def test_impossible_places_are_rejected(self, owner, place):
        """With a sentence, and nothing is published."""
        answer = await owner.ask("POST", "/api/figures", png(), {"Content-Type": "image/png"}, name="load", **place)
        assert answer.status == 400
        assert (await owner.get("/api/figures")).json()["figures"] == []

    async def test_a_collection_goes_at_once_and_only_by_its_name(self, stranger, make_key):
        """``?here=1`` of a program would delete what other programs published, and is refused."""
        client = stranger.with_key(await make_key("read", "publish"))
        await client.publish("one", collection="nightly")
        await client.publish("two")
        assert (await client.delete("/api/figures", here=1)).status == 400
        assert (await client.delete("/api/figures", collection="nightly")).json() == {"deleted": 1}
        assert [one["name"] for one in (await client.get("/api/figures", here=1)).json()["figures"]] == ["two"]

    async def test_deleted_figure_is_restored_to_its_collection(self, owner):
        """With its place; meanwhile another figure may not have taken its name there."""
        figure = await owner.publish("load", collection="nightly")
        await owner.delete(f"/api/figures/{figure['id']}")
        assert (await owner.post(f"/api/figures/{figure['id']}/restore")).json()["collection"] == "nightly"


class TestBytes:
    async def test_newest_is_asked_for_each_time_and_a_version_is_kept(self, owner):
        """``private, no-cache`` for the newest, ``immutable`` for a pinned one."""
        figure = await owner.publish()
        path = f"/figures/{figure['id']}.png"
        assert (await owner.get(path)).headers["Cache-Control"] == "private, no-cache"
        assert (await owner.get(path, version=1)).headers["Cache-Control"] == "private, max-age=31536000, immutable"

    async def test_versions_keep_their_bytes(self, owner):
        """The URLs of a version return its images."""
        for grey in (0, 1):
            figure = await owner.publish(data=png(grey=grey))
        versions = (await owner.get(f"/api/figures/{figure['id']}/versions")).json()["versions"]
        found = [(await owner.get(version["representations"][0]["url"])).body for version in versions]
        assert found == [png(grey=1), png(grey=0)]

    async def test_suffix_json_is_the_record(self, owner):
        """It equals the record of the API."""
        figure = await owner.publish()
        assert (await owner.get(f"/figures/{figure['id']}.json")).json() == figure

    async def test_aliases_of_suffixes(self, owner):
        """.jpeg is .jpg."""
        figure = await owner.publish("photo", *reversed(SAMPLES["jpg"]))
        assert (await owner.get(f"/figures/{figure['id']}.jpeg")).body == SAMPLES["jpg"][1]

    async def test_known_bytes_need_a_login_first(self, owner, stranger):
        """A guessed ETag reveals nothing without a login."""
        figure = await owner.publish()
        etag = {"If-None-Match": '"' + figure["representations"][0]["digest"] + '"'}
        assert (await owner.get(f"/figures/{figure['id']}.png", etag)).status == 304
        assert (await stranger.get(f"/figures/{figure['id']}.png", etag)).status == 401

    async def test_html_for_its_owner_runs_nothing(self, owner):
        """The HTML has a sandboxing policy."""
        figure = await owner.publish("page", HTML, "text/html")
        policy = (await owner.get(f"/figures/{figure['id']}.html")).headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; sandbox;")

    async def test_missing_version_is_404(self, owner):
        """A malformed one is 400."""
        figure = await owner.publish()
        assert (await owner.get(f"/figures/{figure['id']}.png", version=9)).status == 404
        assert (await owner.get(f"/figures/{figure['id']}.png", version="x")).status == 400

    @pytest.mark.parametrize("id", ["x", "A" * 16, "A" * 64])
    async def test_unknown_id_is_404(self, owner, id):
        """For any length."""
        for path in ("/api/figures/{}", "/figures/{}", "/figures/{}.png", "/api/figures/{}/links"):
            assert (await owner.get(path.format(id))).status == 404


class TestSource:
    async def test_source_makes_a_version_redrawable(self, owner, context):
        """Only the versions of libraries are stored from the query."""
        figure = await owner.publish()
        path = f"/api/figures/{figure['id']}/versions/1/source"
        query = {"kind": "figure", "python": "3.11", "matplotlib": "3.11.2", "_xsrf": "secret"}
        assert (await owner.ask("PUT", path, b"pickle", **query)).status == 204
        assert (await owner.get(f"/api/figures/{figure['id']}")).json()["redrawable"] is True
        source = (await context.store.figures.get(figure["id"])).version.source
        assert source.libraries == {"python": "3.11", "matplotlib": "3.11.2"}
        assert context.store.blobs.find(source.digest) == b"pickle"

    async def test_second_source_is_not_kept(self, owner, context):
        """The first one stays."""
        figure = await owner.publish()
        path = f"/api/figures/{figure['id']}/versions/1/source"
        for data in (b"one", b"two"):
            assert (await owner.ask("PUT", path, data, kind="figure")).status == 204
        record = await context.store.figures.get(figure["id"])
        assert record.version.source.digest == hashlib.sha256(b"one").hexdigest()

    async def test_token_in_the_query_is_not_kept(self, owner, stranger, context):
        """Jupyter accepts its token in a query, but the catalog must not contain it."""
        figure = await owner.publish()
        token = owner.headers["Authorization"].removeprefix("token ")
        path = f"/api/figures/{figure['id']}/versions/1/source"
        assert (await stranger.ask("PUT", path, b"pickle", kind="figure", token=token)).status == 204
        assert (await context.store.figures.get(figure["id"])).version.source.libraries == {}

    @pytest.mark.parametrize(
        ("number", "body", "query", "status"),
        [
            (1, b"x", {}, 400),
            (1, b"x", {"kind": "code"}, 400),
            (1, b"", {"kind": "figure"}, 400),
            (2, b"x", {"kind": "figure"}, 404),
            (0, b"x", {"kind": "figure"}, 404),
        ],
    )
    async def test_malformed_source_is_rejected(self, owner, number, body, query, status):
        """Without its kind, empty, or for a version that does not exist."""
        figure = await owner.publish()
        answer = await owner.ask("PUT", f"/api/figures/{figure['id']}/versions/{number}/source", body, **query)
        assert answer.status == status


class TestRestore:
    async def test_deletion_is_undone_with_its_links(self, owner, stranger):
        """The links are 404 while the figure is deleted."""
        figure = await owner.publish(title="Sales")
        link = await owner.share(figure)
        assert (await owner.delete(f"/api/figures/{figure['id']}")).status == 204
        assert (await stranger.get(link["url"])).status == 404
        assert (await owner.get(f"/api/figures/{figure['id']}")).status == 404
        answer = await owner.post(f"/api/figures/{figure['id']}/restore")
        assert (answer.status, answer.json()) == (200, figure)
        assert (await stranger.get(link["image_url"])).body == (
            await owner.get(figure["representations"][0]["url"])
        ).body

    async def test_missing_deletion_is_404(self, owner):
        """An unknown id, and a malformed one."""
        for figure in ("A" * 16, "x"):
            answer = await owner.post(f"/api/figures/{figure}/restore")
            assert (answer.status, answer.code) == (404, "not_found")

    async def test_other_owners_figure_is_as_unknown(self, owner, make_key):
        """Whether deleted or not."""
        figure = await owner.publish()
        other = owner.with_key(await make_key("publish", owner="bob"))
        assert (await other.post(f"/api/figures/{figure['id']}/restore")).status == 404
        await owner.delete(f"/api/figures/{figure['id']}")
        assert (await other.post(f"/api/figures/{figure['id']}/restore")).status == 404
        assert (await owner.get(f"/api/figures/{figure['id']}")).status == 404

    async def test_taken_name_is_a_conflict(self, owner):
        """The message has advice."""
        figure = await owner.publish()
        await owner.delete(f"/api/figures/{figure['id']}")
        await owner.publish(data=png(9, 9))
        answer = await owner.post(f"/api/figures/{figure['id']}/restore")
        assert (answer.status, answer.code) == (409, "conflict")
        assert "delete that one first" in answer.json()["error"]

    async def test_reading_key_and_foreign_page_cannot(self, owner, browser, make_key):
        """Restoring needs the scope publish, or a login with ``_xsrf``."""
        figure = await owner.publish()
        await owner.delete(f"/api/figures/{figure['id']}")
        reader = owner.with_key(await make_key("read"))
        assert (await reader.post(f"/api/figures/{figure['id']}/restore")).status == 403
        assert (await browser.post(f"/api/figures/{figure['id']}/restore")).status == 403
        allowed = browser.with_headers(X_XSRFToken=browser.xsrf)
        assert (await allowed.post(f"/api/figures/{figure['id']}/restore")).status == 200


class TestWithoutUndoing:
    @pytest.fixture
    def figserve_config(self):
        return {"keep_deleted": ""}

    async def test_deletion_is_final(self, owner, context):
        """With an empty ``keep_deleted``, nothing is kept for a restore."""
        figure = await owner.publish()
        await owner.delete(f"/api/figures/{figure['id']}")
        assert (await owner.post(f"/api/figures/{figure['id']}/restore")).status == 404
        assert await context.store.figures.find_deleted(figure["id"]) is None
