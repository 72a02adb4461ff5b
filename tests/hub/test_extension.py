"""The extension in the servers of a JupyterHub's users, without the service."""

from __future__ import annotations

import pytest
import requests

pytestmark = [pytest.mark.hub, pytest.mark.compat, pytest.mark.kernel]

PUBLISH = "import jupyter_figserve as figserve, matplotlib.pyplot as plt\nfigure = plt.figure(); plt.plot([1, 3, 2])\n"


@pytest.fixture(scope="module")
def alice(plain_hub):
    """A Hub on which alice's server runs."""
    plain_hub.start_server("alice")
    return plain_hub


def test_figures_are_published_to_the_users_own_server(alice):
    """A kernel publishes; the user sees the figure, a stranger is asked to log in, and another user sees nothing."""
    with alice.kernel("alice") as kernel:
        result = kernel.run(PUBLISH + "print(figserve.publish(figure, 'sales').image_url('png'))")
        assert result.error is None, result.error
    records = alice.server_request("alice", "GET", "figserve/api/figures").json()["figures"]
    assert [record["name"] for record in records] == ["sales"]
    image = f"{alice.url}user/alice/figserve/figures/{records[0]['id']}.png"
    own = requests.get(image, headers={"Authorization": f"token {alice.token('alice')}"}, timeout=60)
    assert (own.status_code, own.headers["Content-Type"]) == (200, "image/png")
    assert requests.get(image, timeout=60).status_code in (401, 403)
    other = requests.get(image, headers={"Authorization": f"token {alice.token('bob')}"}, timeout=60)
    assert other.status_code in (401, 403, 404)
