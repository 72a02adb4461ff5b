"""The client of a kernel that is registered with a Hub's service."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Unauthorized, Unavailable
from jupyter_figserve.kernel.client import service_client
from jupyter_figserve.kernel.client.address import parse_exact
from jupyter_figserve.kernel.client.service_client import HubServiceClient

from ..conftest import KEY, Reply

PROXY = Reply(503, b"<html>Service Unavailable</html>", {"Content-Type": "text/html"})


@pytest.fixture
def delays(monkeypatch) -> list[float]:
    """The waits, which take no time."""
    found: list[float] = []
    monkeypatch.setattr(service_client.time, "sleep", found.append)
    return found


def test_tries_again_while_the_service_restarts(fake, delays):
    """The Hub's proxy answers in its place."""
    replies = [PROXY, PROXY]
    fake.instead = lambda request: replies.pop() if replies else None
    assert HubServiceClient(parse_exact(fake.url), KEY).get("api/status")["version"]
    assert len(delays) == 2


def test_never_turns_to_another_server(fake, delays):
    """In the end it names the service; an error of the service's own is final at once."""
    fake.instead = lambda request: PROXY
    with pytest.raises(Unavailable, match=f"service of this JupyterHub, {fake.url}, does not answer") as caught:
        HubServiceClient(parse_exact(fake.url), KEY).get("api/status")
    assert caught.value.code == "service_unavailable"
    assert len(delays) == 3
    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:1/services/figserve"):
        HubServiceClient(parse_exact("http://127.0.0.1:1/services/figserve"), KEY).get("api/status")
    delays.clear()
    fake.instead = lambda request: Reply.of(503, {"error": "Busy.", "code": "busy"}, **{"Retry-After": "1"})
    with pytest.raises(Unavailable, match="Busy"):
        HubServiceClient(parse_exact(fake.url), KEY).get("api/figures")
    assert delays == []


def test_ended_registration_is_explained(fake, delays):
    """The key has ended with the lease."""
    with pytest.raises(Unauthorized, match="does not know this kernel any more"):
        HubServiceClient(parse_exact(fake.url), "fsk_wrong").get("api/figures")
