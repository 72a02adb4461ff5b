"""The extension in the servers of a JupyterHub's users, without the service."""

from __future__ import annotations

import pytest
import requests

from .hub_process import NAVIGATION, HubProcess

pytestmark = [pytest.mark.hub, pytest.mark.kernel]

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


@pytest.mark.compat
def test_login_leads_back_to_the_page(alice):
    """A page that is opened without a login is shown after it, with its query."""
    browser = alice.login("alice")
    page = browser.get(f"{alice.url}user/alice/figserve/?q=sales", headers=NAVIGATION, timeout=60)
    assert (page.status_code, page.url) == (200, f"{alice.url}user/alice/figserve/?q=sales")
    assert "sales" in page.text


@pytest.mark.compat
def test_only_navigation_leads_to_the_login(alice):
    """Images and programs get 401."""
    for headers in ({"Sec-Fetch-Mode": "no-cors", "Accept": "image/*"}, {"Accept": "application/json"}):
        answer = requests.get(
            f"{alice.url}user/alice/figserve/api/figures", headers=headers, allow_redirects=False, timeout=60
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.compat
def test_guest_of_a_share_only_looks(alice: HubProcess):
    """Who may open alice's server reads her figures; keys and figures stay hers to make."""
    alice.api("POST", "users", {"usernames": ["bob"]}) if "bob" not in str(alice.api("GET", "users")) else None
    alice.api("POST", "shares/alice/", {"user": "bob"})
    guest = {"Authorization": f"token {alice.token('bob')}"}
    root = f"{alice.url}user/alice/figserve/api"
    assert requests.get(f"{root}/figures", headers=guest, timeout=60).status_code == 200
    for path, body in (("keys", {"scopes": ["admin"]}), ("renders/url", {"code": "1"})):
        answer = requests.post(f"{root}/{path}", json=body, headers=guest, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
        assert "only alice can change them" in answer.json()["error"]
    assert alice.server_request("alice", "GET", "figserve/api/keys").json()["keys"] == []
