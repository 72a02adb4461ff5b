"""``/metrics``: what the services of a running server report."""

from __future__ import annotations

from jupyter_figserve.server.web.routes import ROUTES, label_routes

from ....samples import read_samples
from ...raw import connect
from ...sample_images import png


async def read(client) -> dict[tuple[str, tuple[str, ...]], float]:
    answer = await client.get("/metrics")
    assert answer.status == 200
    return read_samples(answer.text)


async def test_services_report(owner, stranger):
    """Requests, bytes, renders, caches and the store of what was just done; nothing names it."""
    link = await owner.share(await owner.publish("a-secret-name"))
    for _ in range(2):
        assert (await stranger.get(link["image_url"])).body == png()
    await stranger.get("/f/" + "x" * 32)
    await owner.post("/api/renders", {"code": "1"})
    found = await read(owner)
    assert found["figserve_requests_total", ("GET", "/f", "200")] == 2
    assert found["figserve_requests_total", ("GET", "/f", "404")] == 1
    assert found["figserve_requests_total", ("POST", "/api/figures", "201")] == 1
    assert found["figserve_request_duration_seconds_count", ("/f",)] == 3
    assert found["figserve_sent_bytes_total", ("/f",)] > 2 * len(png())
    assert found["figserve_renders_total", ("ok",)] == 1
    assert found["figserve_cache_requests_total", ("blob", "hit")] >= 1
    assert found["figserve_store_call_duration_seconds_count", ("write",)] >= 2
    for kind in ("read", "blob_read", "blob_write"):
        assert found["figserve_store_call_duration_seconds_count", (kind,)] >= 1
    assert found["figserve_renders_waiting", ()] == found["figserve_live_agents", ()] == 0
    text = (await owner.get("/metrics")).text
    for secret in ("a-secret-name", link["id"], link["url"].rpartition("/")[2], "x" * 32, "local"):
        assert secret not in text


async def test_a_stream_counts_while_it_is_open(owner, context):
    """And its hours are no duration of a request."""
    async with connect(owner.prefix) as connection:
        await connection.send_head("GET", "/api/events", dict(owner.headers))
        assert (await connection.receive_head())[0] == 200
        assert (await read(owner))["figserve_event_streams", ()] == 1
        context.events.close()
        while await connection.receive_chunk():
            pass
    found = await read(owner)
    assert found["figserve_event_streams", ()] == 0
    assert found["figserve_requests_total", ("GET", "/api/events", "200")] == 1
    assert found["figserve_request_duration_seconds_count", ("/api/events",)] == 0


def test_labels_of_routes_are_few():
    """Each route has one, without parameters."""
    labels = label_routes()
    assert {handler.__name__ for _, handler in ROUTES} <= labels.keys()
    assert len(set(labels.values())) < 40
    assert not [label for label in labels.values() if set(label) & set("([\\?")]
