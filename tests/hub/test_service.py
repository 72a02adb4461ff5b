"""The service: one for all users of a JupyterHub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.waiting import wait_until

from .hub_process import HubProcess, free_port

pytestmark = [pytest.mark.hub, pytest.mark.kernel]

PUBLISH = "import jupyter_figserve as figserve, matplotlib.pyplot as plt\nfigure = plt.figure(); plt.plot([1, 3, 2])\n"
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Accept": "text/html"}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff3f0300050001ff5d1a2b"
    "6b0000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory, proxy_program) -> Iterator[HubProcess]:
    """A Hub with the service, configured by one call."""
    home = tmp_path_factory.mktemp("hub")
    configuration = f"""
import jupyter_figserve.hub
jupyter_figserve.hub.configure(c, url="http://127.0.0.1:{free_port()}", data_dir="{home}/figures")
"""
    hub = HubProcess(home, proxy_program, configuration)
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()


def send(hub: HubProcess, user: str, method: str, path: str, **more) -> requests.Response:
    """Send a request to the service with a token of the user."""
    headers = {"Authorization": f"token {hub.token(user)}", **more.pop("headers", {})}
    return requests.request(method, f"{hub.url}services/figserve{path}", headers=headers, timeout=60, **more)


def publish(hub: HubProcess, user: str, name: str) -> dict:
    answer = send(hub, user, "POST", f"/api/figures?name={name}", data=PNG, headers={"Content-Type": "image/png"})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.compat
def test_everybody_owns_what_they_publish(hub):
    """Each sees only their own, in lists, by id, in counts and in keys; the record's address is the public one."""
    figure = publish(hub, "alice", "sales")
    assert (figure["owner"], figure["url"]) == ("alice", f"{hub.url}services/figserve/figures/{figure['id']}")
    for user, status, count in (("alice", 200, 1), ("bob", 404, 0)):
        assert send(hub, user, "GET", f"/api/figures/{figure['id']}").status_code == status
        assert send(hub, user, "GET", f"/figures/{figure['id']}.png").status_code == status
        assert len(send(hub, user, "GET", "/api/figures").json()["figures"]) == count
        assert send(hub, user, "GET", "/api/status").json()["counts"]["figures"] == count
    assert send(hub, "bob", "DELETE", f"/api/figures/{figure['id']}").status_code == 404
    key = send(hub, "alice", "POST", "/api/keys", json={"scopes": ["read"]}).json()
    assert (key["owner"], key["maker"]) == ("alice", "alice")
    assert send(hub, "bob", "GET", "/api/keys").json()["keys"] == []
    assert send(hub, "bob", "DELETE", f"/api/keys/{key['id']}").status_code == 404


@pytest.mark.compat
def test_login_leads_back_to_the_page(hub):
    """A page opened without a login is shown after it; images and programs get 401."""
    figure = publish(hub, "alice", "deep")
    page = f"{hub.url}services/figserve/figures/{figure['id']}?version=1"
    browser = hub.login("alice")
    found = browser.get(page, headers=NAVIGATION, timeout=60)
    assert (found.status_code, found.url) == (200, page)
    assert browser.get(f"{hub.url}services/figserve/", timeout=60).status_code == 200
    stranger = requests.get(page, headers=NAVIGATION, timeout=60, allow_redirects=False)
    assert (stranger.status_code, "/hub/api/oauth2/authorize" in stranger.headers["Location"]) == (302, True)
    for headers in ({"Sec-Fetch-Mode": "no-cors", "Accept": "text/html"}, {"Accept": "application/json"}):
        answer = requests.get(page, headers=headers, timeout=60, allow_redirects=False)
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers


@pytest.mark.compat
def test_browser_changes_only_with_its_xsrf_token(hub):
    """403 without, and the deletion works with it."""
    figure = publish(hub, "carol", "mine")
    browser = hub.login("carol")
    address = f"{hub.url}services/figserve/api/figures/{figure['id']}"
    browser.get(f"{hub.url}services/figserve/", headers=NAVIGATION, timeout=60)
    same = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    assert browser.delete(address, headers=same, timeout=60).status_code == 403
    token = next(one.value for one in browser.cookies if one.name == "_xsrf" and "figserve" in one.path)
    assert browser.delete(address, headers={**same, "X-XSRFToken": token}, timeout=60).status_code == 204


@pytest.mark.compat
@pytest.mark.parametrize("audience", [{"audience": "hub"}, {"users": ["bob"]}, {"groups": ["lab"]}])
def test_links_are_for_their_audience(hub, audience):
    """Whoever belongs to it logs in and comes back to the link; others get 403; strangers are told to log in."""
    figure = publish(hub, "alice", "shared")
    link = send(hub, "alice", "POST", f"/api/figures/{figure['id']}/links", json=audience).json()
    url = link["url"]
    assert url.startswith(f"{hub.url}services/figserve/f/")
    found = hub.login("bob").get(url, headers=NAVIGATION, timeout=60)
    assert (found.status_code, found.url) == (200, url)
    other = hub.login("carol").get(url, headers=NAVIGATION, timeout=60)
    assert other.status_code == (200 if audience == {"audience": "hub"} else 403)
    assert requests.get(url, headers=NAVIGATION, timeout=60, allow_redirects=False).status_code == 302
    image = requests.get(link["image_url"], headers={"Sec-Fetch-Mode": "no-cors"}, timeout=60, allow_redirects=False)
    assert image.status_code == 401
    assert url.rpartition("/")[2] not in hub.log


@pytest.mark.compat
def test_missing_scope_names_the_line(hub):
    """A token without the scope to publish, or without access to the service."""
    access = "access:services!service=figserve"
    for scopes, status in (([access], 403), ([], 403), ([access, "custom:figserve:read"], 403)):
        headers = {"Authorization": f"token {hub.token('alice', scopes)}", "Content-Type": "image/png"}
        address = f"{hub.url}services/figserve/api/figures?name=x"
        answer = requests.post(address, data=PNG, headers=headers, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (status, "scope_missing"), answer.text
        assert "jupyter_figserve.hub.configure" in answer.json()["error"]
    headers["Authorization"] = "token wrong"
    assert requests.post(address, data=PNG, headers=headers, timeout=60).status_code == 401


def test_administrators_see_all(hub):
    """An administrator's own token reads others' figures; nobody else does."""
    figure = publish(hub, "bob", "seen")
    assert send(hub, "admin", "GET", f"/api/figures/{figure['id']}").status_code == 200
    assert send(hub, "carol", "GET", f"/api/figures/{figure['id']}").status_code == 404


def test_service_keeps_nothing_of_kernels(hub):
    """Capture is off, and says why; unknown paths have an answer of ours."""
    status = requests.get(f"{hub.url}services/figserve/api/status", timeout=60).json()
    assert status["host"] == "hub"
    assert status["capture"]["on"] is False
    assert "counts" not in status
    for path in ("api/kernels", "lab", "api/contents", "nothing"):
        answer = requests.get(f"{hub.url}services/figserve/{path}", timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


class TestKernels:
    """Kernels of a user's server publish to the service."""

    def test_figures_outlive_the_server(self, hub):
        """Publish, share and live figures, the notebook's identity, captured plots; then the server stops."""
        hub.start_server("alice")
        with hub.kernel("alice", "work.ipynb") as kernel:

            def run(code: str) -> str:
                result = kernel.run(code)
                assert result.error is None, result.error
                return result.stdout.strip()

            assert run(PUBLISH + "print(figserve.publish(figure, 'lasting').url)").startswith(
                f"{hub.url}services/figserve/figures/"
            )
            (record,) = [one for one in records(hub, "alice") if one["name"] == "lasting"]
            assert (record["owner"], record["notebook"]) == ("alice", "work.ipynb")
            assert hub.server_request("alice", "GET", "figserve/api/figures").json()["figures"] == []
            run("plt.plot([2, 1]); plt.show()")
            run("kept = figserve.last().publish('kept')")
            assert records(hub, "alice")[0]["name"] == "kept"
            run("pub = figserve.publish(figure, 'lasting')")
            run("pub")
            assert (
                run("print(figserve.last().publish().url == pub.url, figserve.last().still() is not None)")
                == "True True"
            )
            code = (
                "@figserve.live\ndef animal(n: int = 3):\n    fig, ax = plt.subplots(); ax.plot(range(n)); return fig\n"
            )
            run(code)
            live = run("print(animal.url(n=5))")
            assert live.startswith(f"{hub.url}services/figserve/live/")
            path = live.removeprefix(f"{hub.url}services/figserve").replace("?", ".png?")
            answer = send(hub, "alice", "GET", path)
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png"), answer.text
            assert send(hub, "bob", "GET", path).status_code == 404
            self.assert_rename_is_followed(hub, kernel, run)
            checks = "from jupyter_figserve.cli.checks.hub import check_hub\nprint(*(one.state for one in check_hub()))"
            assert run(checks) == "ok ok ok"
            shell = "!env -u KERNEL_FIGSERVE_URL {__import__('sys').executable} -m jupyter_figserve.cli list --json"
            assert '"lasting"' in run(shell)
            key = run("import os; print(os.environ['KERNEL_FIGSERVE_KEY'])")
            hub.stop_server("alice")
        image = f"/figures/{record['id']}.png"
        assert send(hub, "alice", "GET", image).status_code == 200
        assert send(hub, "alice", "GET", path).status_code == 200
        sessions = send(hub, "alice", "GET", "/api/sessions?alive=1").json()["sessions"]
        assert sessions == []
        answer = requests.get(f"{hub.url}services/figserve/api/figures", headers={"X-API-Key": key}, timeout=60)
        assert answer.status_code == 401

    def assert_rename_is_followed(self, hub, kernel, run) -> None:
        """The figures of a renamed notebook move with it."""
        hub.server_request("alice", "PUT", "api/contents/work.ipynb", json=EMPTY_NOTEBOOK)
        hub.server_request("alice", "PATCH", "api/contents/work.ipynb", json={"path": "better.ipynb"})
        hub.server_request("alice", "PATCH", f"api/sessions/{kernel.session}", json={"path": "better.ipynb"})
        wait_until(
            lambda: {one["notebook"] for one in records(hub, "alice") if one["name"] == "lasting"} == {"better.ipynb"}
        )
        run("figserve.publish(figure, 'lasting')")
        assert len([one for one in records(hub, "alice") if one["name"] == "lasting"]) == 1

    def test_registration_is_the_owners(self, hub):
        """The owner comes from the token; another owner's kernel is 409, and a key registers nothing."""
        first = send(hub, "bob", "PUT", "/api/kernels/k-1", json={"notebook": "a.ipynb", "scope": "hub"})
        assert (first.status_code, first.json()["lease"]) == (201, 90)
        key = first.json()["key"]
        again = send(hub, "bob", "PUT", "/api/kernels/k-1", json={"notebook": "a.ipynb", "key": key})
        assert (again.status_code, "key" in again.json()) == (200, False)
        assert send(hub, "carol", "PUT", "/api/kernels/k-1", json={}).json()["code"] == "kernel_taken"
        assert send(hub, "carol", "PUT", "/api/kernels/k-2", json={"key": key}).json()["code"] == "key_taken"
        assert send(hub, "carol", "DELETE", "/api/kernels/k-1").status_code == 404
        answer = requests.put(
            f"{hub.url}services/figserve/api/kernels/k-3", json={}, headers={"X-API-Key": key}, timeout=60
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "login_needed")
        assert send(hub, "bob", "DELETE", "/api/kernels/k-1").status_code == 204


EMPTY_NOTEBOOK = {
    "type": "notebook",
    "format": "json",
    "content": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
}


def records(hub: HubProcess, user: str) -> list[dict]:
    return send(hub, user, "GET", "/api/figures").json()["figures"]
