"""Users with several servers, and servers with domains of their own."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests

from .hub_process import IMAGE, NAVIGATION, HubProcess, running_hub, service_configuration

pytestmark = [pytest.mark.hub, pytest.mark.kernel, pytest.mark.nightly]

PUBLISH = "import jupyter_figserve as figserve, matplotlib.pyplot as plt\nfigure = plt.figure(); plt.plot([1, 3, 2])\n"
DOMAIN = "hub.localhost"


@pytest.fixture(scope="module")
def hub(tmp_path_factory, proxy_program) -> Iterator[HubProcess]:
    """A Hub with domains below hub.localhost, which this process looks up as browsers do (RFC 6761)."""
    look_up = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        is_ours = isinstance(host, str) and host.endswith(DOMAIN)
        return look_up("127.0.0.1" if is_ours else host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        home = tmp_path_factory.mktemp("hub")
        with running_hub(home, proxy_program, service_configuration(home), DOMAIN) as hub:
            yield hub


def publish(hub: HubProcess, server: str) -> str:
    """Publish from a notebook of the same path on each server; return the figure's address."""
    with hub.kernel("alice", "work.ipynb", server) as kernel:
        result = kernel.run(PUBLISH + "print(figserve.publish(figure, 'sales').url)")
        assert result.error is None, result.error
        return result.stdout.strip()


def test_named_servers_and_domains(hub):
    """A notebook of the same path on another server has figures of its own; links, logins and cookies go by domain."""
    addresses = []
    for server in ("", "lab2"):
        hub.start_server("alice", server)
        addresses.append(publish(hub, server))
    first, second = addresses
    assert first != second
    assert first.startswith(f"http://figserve--service.{DOMAIN}:")
    records = hub.service_request("alice", "GET", "/api/figures").json()["figures"]
    assert [(one["notebook"], one["owner"]) for one in records] == [("work.ipynb", "alice")] * 2
    assert publish(hub, "lab2") == second
    path = f"/api/figures/{records[0]['id']}/links"
    link = hub.service_request("alice", "POST", path, json={"users": ["bob"]}).json()
    assert link["url"].startswith(f"{hub.service}/f/")
    browser = hub.login("bob")
    page = browser.get(link["url"], headers=NAVIGATION, timeout=60)
    assert (page.status_code, page.url) == (200, link["url"])
    assert browser.get(link["image_url"], headers=IMAGE, timeout=60).status_code == 200
    own = {cookie.domain for cookie in browser.cookies if "figserve" in cookie.name}
    assert own <= {f"figserve--service.{DOMAIN}"}
    assert hub.login("carol").get(link["url"], headers=NAVIGATION, timeout=60).status_code == 403
    stranger = requests.get(link["url"], headers=NAVIGATION, timeout=60)
    assert "/hub/login" in stranger.url
