"""The address at which servers on one catalog pass live calls on to each other."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.services.live.backends.replica_messages import ROUTE
from jupyter_figserve.server.services.live.backends.replica_signer import TIME_HEADER, ReplicaSigner

from ...making import FakeKernel


async def test_a_single_server_has_no_such_address(owner):
    """Not even for its owner."""
    response = await owner.post(ROUTE, {})
    assert (response.status, response.json()["code"]) == (404, "not_found")


class TestSeveralServers:
    @pytest.fixture
    def figserve_config(self):
        return {"replica_url": "http://127.0.0.1:9/figserve"}

    async def test_only_servers_may_call(self, context, owner, stranger):
        """A login, a key or nothing does not do; a signature without a valid call is malformed."""
        kernel = FakeKernel()
        await context.live.registry.register(context.config.owner, "k", kernel, [])
        for client in (owner, stranger):
            response = await client.post(ROUTE, {"kernel": "k"})
            assert (response.status, response.json()["code"]) == (403, "not_a_replica")
        signer = ReplicaSigner(context.query_signer, lambda: context.store.clock())
        call = b'{"kernel": "k", "name": "animal", "caller": [9, ""], "request": {}}'
        redraw = b'{"kernel": "k", "owner": "ann", "source": {}, "options": {"format": "png"}, "caller": [0, ""]}'
        for body in (b"", b"[]", b"{}", call, redraw):
            signed = signer.make_headers(body)
            assert (await stranger.ask("POST", ROUTE, body, signed)).status == 400
            late = signed | {TIME_HEADER: "1"}
            assert (await stranger.ask("POST", ROUTE, body, late)).status == 403
        assert kernel.asked == []
