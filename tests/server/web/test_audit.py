"""The audit events of a running server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_figserve.model.keys import split_key
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.server.services.monitoring.audit import SCHEMA_ID

from ..making import make_session, offer_live
from ..sample_images import png
from ..services.live.test_detached import form


@pytest.fixture
def figserve_config() -> dict[str, object]:
    return {"keep_deleted": "1h"}


@pytest.fixture
def events(jp_serverapp) -> list[dict[str, Any]]:
    """What a listener of the site has received."""
    received: list[dict[str, Any]] = []

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        received.append(data)

    jp_serverapp.event_logger.add_listener(schema_id=SCHEMA_ID, listener=listen)
    return received


async def test_every_act_is_an_event(owner, make_key, events, caplog, jp_serverapp):
    """In order, with its id and who did it; never with a token or the text of a key."""
    caplog.set_level("INFO")
    text = await make_key("publish", "read")
    program = owner.with_key(text)
    figure = await program.publish()
    link = await program.share(figure)
    await program.patch(f"/api/figures/{figure['id']}", {"title": "New"})
    await owner.patch(f"/api/links/{link['id']}", {"paused": True})
    await owner.patch(f"/api/links/{link['id']}", {"paused": False, "label": "x"})
    await owner.patch(f"/api/links/{link['id']}", {"label": "y"})
    await owner.get(f"/api/links/{link['id']}/url")
    await owner.delete(f"/api/links/{link['id']}")
    board = (await owner.post("/api/dashboards", {"title": "B", "rows": [[{"kind": "text", "markdown": "x"}]]})).json()
    await owner.delete(f"/api/dashboards/{board['id']}")
    await owner.post(f"/api/dashboards/{board['id']}/restore")
    made = (await owner.post("/api/keys", {"scopes": ["read"]})).json()
    await owner.delete(f"/api/keys/{made['id']}")
    await owner.delete(f"/api/figures/{figure['id']}")
    await owner.post(f"/api/figures/{figure['id']}/restore")
    other = await owner.publish("b", collection="nightly")
    await owner.delete("/api/figures", collection="nightly")
    await owner.patch("/api/admin/owners/ann", {"quota": {"figures": 5, "bytes": None}})
    await owner.post("/api/admin/transfer", {"from": "local", "to": "ann"})
    await jp_serverapp.event_logger.gather_listeners()
    assert [(event["action"], event["id"]) for event in events] == [
        ("figure.published", figure["id"]),
        ("link.created", link["id"]),
        ("figure.changed", figure["id"]),
        ("link.paused", link["id"]),
        ("link.resumed", link["id"]),
        ("link.changed", link["id"]),
        ("link.address_copied", link["id"]),
        ("link.revoked", link["id"]),
        ("dashboard.published", board["id"]),
        ("dashboard.deleted", board["id"]),
        ("dashboard.restored", board["id"]),
        ("key.created", made["id"]),
        ("key.revoked", made["id"]),
        ("figure.deleted", figure["id"]),
        ("figure.restored", figure["id"]),
        ("figure.published", other["id"]),
        ("figure.deleted", "*"),
        ("owner.limited", "ann"),
        ("owner.transferred", "local"),
    ]
    key = split_key(text)
    assert key is not None
    assert [event["key"] for event in events] == [key[0]] * 3 + [None] * 16
    assert events[1]["target"] == f"figure/{figure['id']}"
    assert events[4]["fields"] == ["label", "paused"]
    assert events[-3]["ids"] == [other["id"]]
    assert events[-2]["quota"] == {"figures": 5, "bytes": None}
    assert events[-1]["target"] == "ann"
    told = json.dumps(events) + caplog.text
    for secret in (text, made["key"], link["url"].rpartition("/")[2]):
        assert secret.rpartition("_")[2] not in told


async def test_acts_on_live_figures_are_events(owner, context, events, jp_serverapp, renderer):
    """Storing the function and removing it, deleting and restoring."""
    live_id = await offer_live(context)
    body, headers = form(declaration=LiveDeclaration("animal").as_json())
    assert (await owner.ask("POST", f"/api/live/{live_id}/source", body, headers)).status == 201
    assert (await owner.delete(f"/api/live/{live_id}/source")).status == 204
    assert (await owner.delete(f"/api/live/{live_id}")).status == 204
    assert (await owner.post(f"/api/live/{live_id}/restore")).status == 200
    await jp_serverapp.event_logger.gather_listeners()
    actions = [f"live.{act}" for act in ("detached", "attached", "deleted", "restored")]
    assert [(event["action"], event["id"]) for event in events] == [(action, live_id) for action in actions]


async def test_what_is_kept_is_published(owner, context, events, jp_serverapp, renderer):
    """A render that is kept, and a captured plot that is."""
    rendered = (await owner.post("/api/renders", {"code": "1", "keep": True, "name": "a"})).json()
    session = await make_session(context)
    path = session.show(png())
    kept = (await owner.post(f"/api/sessions/{session.id}/figures", {"path": path})).json()
    await jp_serverapp.event_logger.gather_listeners()
    assert [(event["action"], event["id"]) for event in events] == [
        ("figure.published", record["id"]) for record in (rendered, kept)
    ]


async def test_what_is_refused_is_no_event(owner, stranger, make_key, events, jp_serverapp):
    """Nothing has happened."""
    figure = await owner.publish()
    await jp_serverapp.event_logger.gather_listeners()
    events.clear()
    reader = owner.with_key(await make_key("read"))
    for client in (stranger, reader):
        await client.delete(f"/api/figures/{figure['id']}")
        await client.post(f"/api/figures/{figure['id']}/links")
        await client.post("/api/admin/transfer", {"from": "local", "to": "eve"})
    await jp_serverapp.event_logger.gather_listeners()
    assert events == []
