"""Dashboards over HTTP: publish, list, delete, and errors that name the panel."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_figserve.model.figures import Identity
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.model.parameter import Parameter
from jupyter_figserve.model.parameters import Parameters
from jupyter_figserve.store.catalog import live_figures

ANIMAL = Parameters(
    (
        Parameter("type", "choice", choices=("Bear", "Deer", "Wolf"), default="Deer"),
        Parameter("since", "int", default=2010, minimum=2000, maximum=2020),
    )
)


async def offer(context, parameters: Parameters = ANIMAL, name: str = "animal", owner: str | None = None) -> str:
    """Return the permanent id of a live figure that was offered by a kernel which no longer runs."""
    identity = Identity(owner or context.config.owner, "", "", "k1", name)
    declaration, now = LiveDeclaration(name, parameters), context.store.clock()
    offering = context.store.catalog.write(lambda c: live_figures.upsert(c, identity, "k1", declaration, now))
    return (await asyncio.wrap_future(offering)).id


def figure_panel(figure: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"kind": "figure", "figure": figure["id"], **fields}


def layout(*rows: list[dict[str, Any]], **fields: object) -> dict[str, Any]:
    return {"name": "board", "title": "Animal sightings", "rows": list(rows), **fields}


async def publish(client, *rows: list[dict[str, Any]], **fields: object) -> dict[str, Any]:
    answer = await client.post("/api/dashboards", layout(*rows, **fields))
    assert answer.status == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


TEXT = {"kind": "text", "markdown": "## Notes\n<b>x</b>"}


class TestPublish:
    async def test_record_contains_the_panels(self, owner, context):
        """Figures with image and size, live figures with fixed values, text as HTML with raw HTML escaped."""
        figure, animal = await owner.publish(alt="Bears in July"), await offer(context)
        answer = await owner.post(
            "/api/dashboards",
            layout(
                [figure_panel(figure, share=2, caption="Sales"), TEXT],
                [{"kind": "live", "live": animal, "values": {"type": "Wolf"}}],
            ),
        )
        record = answer.json()
        assert (answer.status, answer.headers["Location"]) == (201, record["url"])
        (shown, text), (moving,) = record["rows"]
        assert (shown["place"], shown["alt"], shown["share"], shown["caption"]) == ("1-1", "Bears in July", 2, "Sales")
        assert shown["image_url"] == figure["representations"][0]["url"]
        assert (shown["width"], shown["height"]) == tuple(figure["representations"][0][n] for n in ("width", "height"))
        assert text["html"] == "<h2>Notes</h2>\n<p>&lt;b&gt;x&lt;/b&gt;</p>\n"
        assert moving["image_url"].endswith(f"/live/f/{animal}.png?type=Wolf")
        assert (await owner.get(f"/api/dashboards/{record['id']}")).json() == record

    async def test_panel_overrides_the_alternative_text_of_its_figure(self, owner, stranger, context):
        """In the record and on both pages; the figure keeps its own text."""
        figure, animal = await owner.publish(alt="Bears in July"), await offer(context)
        live_panel = {"kind": "live", "live": animal, "alt": 'Wolves "here"'}
        dashboard = await publish(owner, [figure_panel(figure, alt="Bears <here>"), figure_panel(figure), live_panel])
        assert [panel["alt"] for panel in dashboard["rows"][0]] == ["Bears <here>", "Bears in July", 'Wolves "here"']
        link = (await owner.post(f"/api/dashboards/{dashboard['id']}/links")).json()
        for client, address in ((owner, f"/dashboards/{dashboard['id']}"), (stranger, link["url"])):
            page = (await client.get(address, {"Accept": "text/html"})).text
            for words in ("Bears &lt;here&gt;", "Bears in July", "Wolves &#34;here&#34;"):
                assert f'alt="{words}"' in page

    async def test_title_without_letters_needs_a_name(self, owner):
        """It says so; with a name it is published."""
        body = {"title": "!?", "rows": [[TEXT]]}
        answer = await owner.post("/api/dashboards", body)
        assert (answer.status, "Give a name" in answer.json()["error"]) == (400, True)
        assert (await owner.post("/api/dashboards", body | {"name": "sales"})).json()["name"] == "sales"

    async def test_equal_layout_makes_no_version(self, owner):
        """Its id and its links stay."""
        first = await publish(owner, [TEXT])
        link = (await owner.post(f"/api/dashboards/{first['id']}/links")).json()
        assert await publish(owner, [TEXT]) == first
        second = await publish(owner, [TEXT, TEXT])
        assert (second["id"], second["version"]) == (first["id"], 2)
        links = (await owner.get(f"/api/dashboards/{first['id']}/links")).json()["links"]
        assert [one["id"] for one in links] == [link["id"]]

    async def test_name_comes_from_the_title(self, owner):
        """Without a name, it is derived from the title."""
        record = (await owner.post("/api/dashboards", {"title": "Animal sightings!", "rows": [[TEXT]]})).json()
        assert record["name"] == "Animal-sightings"

    @pytest.mark.parametrize(
        ("panel", "words"),
        [
            ({"kind": "figure", "figure": "a" * 16}, "Panel 2-1: you have no figure"),
            ({"kind": "live", "live": "a" * 16}, "Panel 2-1: you have no live figure"),
            ({"kind": "text", "markdown": ""}, "Panel 2-1: "),
            ({"kind": "picture"}, "Panel 2-1: "),
        ],
    )
    async def test_error_names_the_panel(self, owner, panel, words):
        """400, with advice."""
        answer = await owner.post("/api/dashboards", layout([TEXT], [panel]))
        assert (answer.status, answer.json()["error"].startswith(words)) == (400, True), answer.text

    async def test_missing_version_is_rejected(self, owner):
        """A pinned version must exist."""
        figure = await owner.publish()
        answer = await owner.post("/api/dashboards", layout([figure_panel(figure, version=7)]))
        assert answer.status == 400
        assert "with a version 7" in answer.json()["error"]

    async def test_values_and_controls_must_fit(self, owner, context):
        """They are checked against the live figure's parameters."""
        animal = await offer(context)
        wrong = await owner.post(
            "/api/dashboards", layout([{"kind": "live", "live": animal, "values": {"type": "Cat"}}])
        )
        assert (wrong.status, wrong.json()["error"][:10]) == (400, "Panel 1-1:")
        unknown = await owner.post("/api/dashboards", layout([{"kind": "live", "live": animal}], controls=["month"]))
        assert (unknown.status, "month" in unknown.json()["error"]) == (400, True)

    async def test_other_owners_records_are_unknown(self, owner, stranger, context, make_key):
        """An admin's key cannot use other owners' figures, either."""
        key = await make_key("read", "publish", "admin", owner="other")
        other = stranger.with_key(key)
        figure, animal = await owner.publish(), await offer(context)
        for panel in (figure_panel(figure), {"kind": "live", "live": animal}):
            assert (await other.post("/api/dashboards", layout([panel]))).status == 400


class TestKept:
    async def test_list_is_newest_first_with_search_and_cursor(self, owner, clock):
        """By name, by text, and in pages."""
        for name in ("a", "b", "c"):
            clock.advance(1)
            await publish(owner, [TEXT], name=name, title=f"Board {name}")
        page = (await owner.get("/api/dashboards", limit=2)).json()
        assert [one["name"] for one in page["dashboards"]] == ["c", "b"]
        rest = (await owner.get("/api/dashboards", limit=2, cursor=page["next"])).json()
        assert ([one["name"] for one in rest["dashboards"]], rest["next"]) == (["a"], None)
        for query in ({"name": "b"}, {"q": "board B"}):
            found = (await owner.get("/api/dashboards", **query)).json()["dashboards"]
            assert [one["name"] for one in found] == ["b"]

    async def test_delete_takes_its_links_and_leaves_its_figures(self, owner, stranger):
        """A second deletion is 404."""
        figure = await owner.publish()
        dashboard = await publish(owner, [figure_panel(figure)])
        link = (await owner.post(f"/api/dashboards/{dashboard['id']}/links")).json()
        assert (await owner.delete(f"/api/dashboards/{dashboard['id']}")).status == 204
        assert (await owner.delete(f"/api/dashboards/{dashboard['id']}")).status == 404
        assert (await owner.get(f"/api/links/{link['id']}")).status == 404
        assert (await owner.get(f"/api/figures/{figure['id']}")).status == 200

    async def test_deletion_is_undone_with_its_links(self, owner, stranger):
        """The links are 404 in between; restoring twice is no error."""
        dashboard = await publish(owner, [figure_panel(await owner.publish())])
        link = (await owner.post(f"/api/dashboards/{dashboard['id']}/links")).json()
        await owner.delete(f"/api/dashboards/{dashboard['id']}")
        assert (await stranger.get(link["url"])).status == 404
        for _ in range(2):
            answer = await owner.post(f"/api/dashboards/{dashboard['id']}/restore")
            assert (answer.status, answer.json()) == (200, dashboard)
        assert (await stranger.get(link["url"])).status == 200

    async def test_missing_deletion_is_404(self, owner, make_key):
        """An unknown id, and another owner's dashboard."""
        dashboard = await publish(owner, [TEXT])
        await owner.delete(f"/api/dashboards/{dashboard['id']}")
        other = owner.with_key(await make_key("publish", owner="bob"))
        answers = [
            await owner.post("/api/dashboards/none/restore"),
            await other.post(f"/api/dashboards/{dashboard['id']}/restore"),
        ]
        assert [(answer.status, answer.code) for answer in answers] == [(404, "not_found")] * 2
        assert (await owner.get(f"/api/dashboards/{dashboard['id']}")).status == 404

    async def test_taken_name_is_a_conflict(self, owner):
        """The message has advice."""
        dashboard = await publish(owner, [TEXT])
        await owner.delete(f"/api/dashboards/{dashboard['id']}")
        await publish(owner, [TEXT, TEXT])
        answer = await owner.post(f"/api/dashboards/{dashboard['id']}/restore")
        assert (answer.status, answer.code) == (409, "conflict")
        assert "delete that one first" in answer.json()["error"]

    async def test_other_owners_get_404(self, owner, stranger, make_key):
        """Other owners can neither read nor delete nor share it."""
        dashboard = await publish(owner, [TEXT])
        other = stranger.with_key(await make_key("read", "publish", owner="other"))
        path = f"/api/dashboards/{dashboard['id']}"
        asked = [await other.get(path), await other.delete(path), await other.post(f"{path}/links")]
        assert [answer.status for answer in asked] == [404, 404, 404]
        assert (await other.get("/api/dashboards")).json()["dashboards"] == []

    async def test_panel_whose_figure_is_deleted_shows_nothing(self, owner):
        """Its values in the record are null, and the other panels stay."""
        figure = await owner.publish()
        dashboard = await publish(owner, [figure_panel(figure), TEXT])
        await owner.delete(f"/api/figures/{figure['id']}")
        (gone, text), *_ = (await owner.get(f"/api/dashboards/{dashboard['id']}")).json()["rows"]
        assert (gone["image_url"], gone["alt"]) == (None, "")
        assert text["html"]


class TestLinks:
    async def test_no_parameter_is_allowed_by_default(self, owner, context):
        """The link has the given lock and allow, and can be paused and revoked."""
        dashboard = await publish(owner, [{"kind": "live", "live": await offer(context)}])
        made = (await owner.post(f"/api/dashboards/{dashboard['id']}/links", {"label": "x"})).json()
        assert (made["allow"], made["lock"], made["dashboard"]) == ([], {}, dashboard["id"])
        assert made["image_url"] == f"{made['url']}.png"
        path = f"/api/links/{made['id']}"
        assert (await owner.patch(path, {"paused": True})).json()["paused"] is True
        assert (await owner.delete(path)).status == 204
        assert (await owner.get(path)).status == 404

    @pytest.mark.parametrize(
        ("wish", "word"),
        [
            ({"allow": ["month"]}, "month"),
            ({"lock": {"type": "Cat"}}, "Panel 1-1"),
            ({"lock": {"type": "Bear"}, "allow": ["type"]}, "both"),
            ({"lock": 1}, "lock must be an object"),
        ],
    )
    async def test_invalid_options_are_rejected(self, owner, context, wish, word):
        """400, with a message."""
        dashboard = await publish(owner, [{"kind": "live", "live": await offer(context)}])
        answer = await owner.post(f"/api/dashboards/{dashboard['id']}/links", wish)
        assert (answer.status, word in answer.json()["error"]) == (400, True)

    async def test_required_parameter_must_be_locked_or_allowed(self, owner, context):
        """Otherwise the link could not show the panel."""
        animal = await offer(context, Parameters((Parameter("year", "int", is_required=True),)))
        dashboard = await publish(owner, [{"kind": "live", "live": animal}])
        path = f"/api/dashboards/{dashboard['id']}/links"
        assert (await owner.post(path)).status == 400
        assert (await owner.post(path, {"lock": {"year": 2012}})).status == 201

    async def test_url_finds_its_link(self, owner):
        """The owner can find and revoke a link by its URL."""
        dashboard = await publish(owner, [TEXT])
        made = (await owner.post(f"/api/dashboards/{dashboard['id']}/links")).json()
        assert (await owner.post("/api/links/find", {"url": made["url"]})).json()["id"] == made["id"]
