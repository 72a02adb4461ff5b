"""The service: one for all users of a JupyterHub."""

from __future__ import annotations

import json

import pytest
import requests

from tests.waiting import wait_until

from .hub_process import NAVIGATION, HubProcess

pytestmark = [pytest.mark.hub, pytest.mark.kernel]

PUBLISH = "import jupyter_figserve as figserve, matplotlib.pyplot as plt\nfigure = plt.figure(); plt.plot([1, 3, 2])\n"
# IPython's `!` may lose what a program prints at its end, on a machine with other work.
LIST_IN_A_PROCESS = """
import os, subprocess, sys
environment = {name: value for name, value in os.environ.items() if name != "KERNEL_FIGSERVE_URL"}
command = [sys.executable, "-m", "jupyter_figserve.cli", "list", "--json"]
print(subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True).stdout)
"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff3f0300050001ff5d1a2b"
    "6b0000000049454e44ae426082"
)


@pytest.fixture
def hub(service_hub: HubProcess) -> HubProcess:
    return service_hub


def publish(hub: HubProcess, user: str, name: str) -> dict:
    answer = hub.service_request(
        user, "POST", f"/api/figures?name={name}", data=PNG, headers={"Content-Type": "image/png"}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.compat
def test_everybody_owns_what_they_publish(hub):
    """Each sees only their own, in lists, by id, in counts and in keys; the record's address is the public one."""
    before = {user: len(records(hub, user)) for user in ("alice", "bob")}
    figure = publish(hub, "alice", "own")
    assert (figure["owner"], figure["url"]) == ("alice", f"{hub.service}/figures/{figure['id']}")
    for user, status, count in (("alice", 200, before["alice"] + 1), ("bob", 404, before["bob"])):
        assert hub.service_request(user, "GET", f"/api/figures/{figure['id']}").status_code == status
        assert hub.service_request(user, "GET", f"/figures/{figure['id']}.png").status_code == status
        assert len(hub.service_request(user, "GET", "/api/figures").json()["figures"]) == count
        assert hub.service_request(user, "GET", "/api/status").json()["counts"]["figures"] == count
    assert hub.service_request("bob", "DELETE", f"/api/figures/{figure['id']}").status_code == 404
    key = hub.service_request("alice", "POST", "/api/keys", json={"scopes": ["read"]}).json()
    assert (key["owner"], key["maker"]) == ("alice", "alice")
    assert hub.service_request("bob", "GET", "/api/keys").json()["keys"] == []
    assert hub.service_request("bob", "DELETE", f"/api/keys/{key['id']}").status_code == 404


@pytest.mark.compat
def test_login_leads_back_to_the_page(hub):
    """A page opened without a login is shown after it; images and programs get 401."""
    figure = publish(hub, "alice", "deep")
    page = f"{hub.service}/figures/{figure['id']}?version=1"
    browser = hub.login("alice")
    found = browser.get(page, headers=NAVIGATION, timeout=60)
    assert (found.status_code, found.url) == (200, page)
    assert browser.get(f"{hub.service}/", timeout=60).status_code == 200
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
    address = f"{hub.service}/api/figures/{figure['id']}"
    browser.get(f"{hub.service}/", headers=NAVIGATION, timeout=60)
    same = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    assert browser.delete(address, headers=same, timeout=60).status_code == 403
    token = next(one.value for one in browser.cookies if one.name == "_xsrf" and "figserve" in one.path)
    assert browser.delete(address, headers={**same, "X-XSRFToken": token}, timeout=60).status_code == 204


@pytest.mark.compat
@pytest.mark.parametrize("audience", [{"audience": "hub"}, {"users": ["bob"]}, {"groups": ["lab"]}])
def test_links_are_for_their_audience(hub, audience):
    """Whoever belongs to it logs in and comes back to the link; others get 403; strangers are told to log in."""
    figure = publish(hub, "alice", "shared")
    link = hub.service_request("alice", "POST", f"/api/figures/{figure['id']}/links", json=audience).json()
    url = link["url"]
    assert url.startswith(f"{hub.service}/f/")
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
        address = f"{hub.service}/api/figures?name=x"
        answer = requests.post(address, data=PNG, headers=headers, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (status, "scope_missing"), answer.text
        assert "jupyter_figserve.hub.configure" in answer.json()["error"]
    headers["Authorization"] = "token wrong"
    assert requests.post(address, data=PNG, headers=headers, timeout=60).status_code == 401


def test_administrators_see_all(hub):
    """An administrator's own token reads others' figures; nobody else does."""
    figure = publish(hub, "bob", "seen")
    assert hub.service_request("admin", "GET", f"/api/figures/{figure['id']}").status_code == 200
    assert hub.service_request("carol", "GET", f"/api/figures/{figure['id']}").status_code == 404


def test_page_of_administrators(hub):
    """For them only; what they find there, they may revoke."""
    link = hub.service_request("bob", "POST", f"/api/figures/{publish(hub, 'bob', 'open')['id']}/links", json={}).json()
    listed = hub.service_request("admin", "GET", "/api/admin/links?owner=bob").json()["links"]
    assert link["id"] in [one["id"] for one in listed]
    assert hub.login("admin").get(f"{hub.service}/admin?owner=bob", headers=NAVIGATION, timeout=60).status_code == 200
    assert hub.login("carol").get(f"{hub.service}/admin", headers=NAVIGATION, timeout=60).status_code == 403
    assert hub.service_request("carol", "GET", "/api/admin/owners").status_code == 403
    assert hub.service_request("admin", "DELETE", f"/api/links/{link['id']}").status_code == 204


def test_names_are_checked(hub):
    """The Hub knows users and groups; the error names what it does not know."""
    path = f"/api/figures/{publish(hub, 'alice', 'named')['id']}/links"
    for people, code in (({"users": ["bbo"]}, "unknown_user"), ({"groups": ["labs"]}, "unknown_group")):
        answer = hub.service_request("alice", "POST", path, json=people)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    found = requests.get(f"{hub.service}/api/status", timeout=60).json()
    assert found["directory"] == {"users": True, "groups": True, "created": True}


def test_new_user_of_a_deleted_ones_name_gets_nothing(hub):
    """Neither figures nor keys, until an administrator has transferred what was there."""
    hub.api("POST", "users", {"usernames": ["dave"]})
    figure = publish(hub, "dave", "private")
    key = hub.service_request("dave", "POST", "/api/keys", json={"scopes": ["read"]}).json()["key"]
    link = hub.service_request("dave", "POST", f"/api/figures/{figure['id']}/links", json={"audience": "hub"}).json()
    hub.api("DELETE", "users/dave")
    hub.api("POST", "users", {"usernames": ["dave"]})
    for path in ("/api/figures", f"/figures/{figure['id']}.png"):
        answer = hub.service_request("dave", "GET", path)
        assert (answer.status_code, answer.json()["code"]) == (403, "name_reused")
    assert hub.service_request("admin", "GET", "/api/admin/owners/dave").json()["standing"] == "replaced"
    body = {"from": "dave", "to": "bob"}
    assert hub.service_request("admin", "POST", "/api/admin/transfer", json=body).status_code == 200
    assert hub.service_request("dave", "GET", "/api/figures").json()["figures"] == []
    assert hub.service_request("bob", "GET", f"/api/figures/{figure['id']}").status_code == 200
    assert hub.login("carol").get(link["url"], headers=NAVIGATION, timeout=60).status_code == 200
    keyed = requests.get(f"{hub.service}/api/figures", headers={"X-API-Key": key}, timeout=60)
    assert keyed.status_code == 401


def test_service_keeps_nothing_of_kernels(hub):
    """Capture is off, and says why; unknown paths have an answer of ours."""
    status = requests.get(f"{hub.service}/api/status", timeout=60).json()
    assert status["host"] == "hub"
    assert status["capture"]["on"] is False
    assert "counts" not in status
    for path in ("api/kernels", "lab", "api/contents", "nothing"):
        answer = requests.get(f"{hub.service}/{path}", timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


class TestKernels:
    """Kernels of a user's server publish to the service."""

    def test_figures_outlive_the_server(self, hub):
        """Publish, share and live figures, the notebook's identity, captured plots; then the server stops."""
        with hub.running_server("alice"), hub.kernel("alice", "work.ipynb") as kernel:

            def run(code: str) -> str:
                result = kernel.run(code)
                assert result.error is None, result.error
                return result.stdout.strip()

            assert run(PUBLISH + "print(figserve.publish(figure, 'lasting').url)").startswith(f"{hub.service}/figures/")
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
            assert live.startswith(f"{hub.service}/live/")
            path = live.removeprefix(f"{hub.service}").replace("?", ".png?")
            answer = hub.service_request("alice", "GET", path)
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png"), answer.text
            assert hub.service_request("bob", "GET", path).status_code == 404
            self.assert_menu_shares_by_the_service(hub, record)
            self.assert_rename_is_followed(hub, kernel, run)
            self.assert_rename_without_a_kernel_is_followed(hub)
            checks = "from jupyter_figserve.cli.checks.hub import check_hub\nprint(*(one.state for one in check_hub()))"
            assert run(checks) == "ok ok ok ok"
            assert '"lasting"' in run(LIST_IN_A_PROCESS)
            key = run("import os; print(os.environ['KERNEL_FIGSERVE_KEY'])")
            hub.stop_server("alice")
        image = f"/figures/{record['id']}.png"
        assert hub.service_request("alice", "GET", image).status_code == 200
        assert hub.service_request("alice", "GET", path).status_code == 200
        # The server does not wait for ever until the service has heard of the end.
        wait_until(lambda: not hub.service_request("alice", "GET", "/api/sessions?alive=1").json()["sessions"])
        answer = requests.get(f"{hub.service}/api/figures", headers={"X-API-Key": key}, timeout=60)
        assert answer.status_code == 401

    def assert_menu_shares_by_the_service(self, hub, theirs):
        """JupyterLab's menu asks its own server: names are checked, and others can open the link."""
        image = {"data": PNG, "headers": {"Content-Type": "image/png"}}
        own = hub.server_request("alice", "POST", "figserve/api/figures?name=shown", **image).json()
        bob = hub.login("bob")
        for figure in (theirs, own):
            path = f"figserve/api/figures/{figure['id']}/links"
            wrong = hub.server_request("alice", "POST", path, json={"audience": "people", "users": ["nobdy"]})
            assert (wrong.status_code, wrong.json()["code"]) == (400, "unknown_user")
            link = hub.server_request("alice", "POST", path, json={"audience": "people", "users": ["bob"]}).json()
            assert bob.get(link["url"], headers=NAVIGATION, timeout=60).status_code == 200
            assert hub.server_request("alice", "DELETE", f"figserve/api/links/{link['id']}").status_code == 204

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

    def assert_rename_without_a_kernel_is_followed(self, hub) -> None:
        """The user's server tells the service of it."""
        image = {"data": PNG, "headers": {"Content-Type": "image/png"}}
        hub.service_request("alice", "POST", "/api/figures?name=quiet&notebook=quiet.ipynb", **image)
        hub.server_request("alice", "PUT", "api/contents/quiet.ipynb", json=EMPTY_NOTEBOOK)
        hub.server_request("alice", "PATCH", "api/contents/quiet.ipynb", json={"path": "silent.ipynb"})
        wait_until(
            lambda: [one["notebook"] for one in records(hub, "alice") if one["name"] == "quiet"] == ["silent.ipynb"]
        )

    def test_registration_is_the_owners(self, hub):
        """The owner comes from the token; another owner's kernel is 409, and a key registers nothing."""
        first = hub.service_request("bob", "PUT", "/api/kernels/k-1", json={"notebook": "a.ipynb", "scope": "hub"})
        assert (first.status_code, first.json()["lease"]) == (201, 90)
        key = first.json()["key"]
        again = hub.service_request("bob", "PUT", "/api/kernels/k-1", json={"notebook": "a.ipynb", "key": key})
        assert (again.status_code, "key" in again.json()) == (200, False)
        assert hub.service_request("carol", "PUT", "/api/kernels/k-1", json={}).json()["code"] == "kernel_taken"
        assert hub.service_request("carol", "PUT", "/api/kernels/k-2", json={"key": key}).json()["code"] == "key_taken"
        assert hub.service_request("carol", "DELETE", "/api/kernels/k-1").status_code == 404
        answer = requests.put(f"{hub.service}/api/kernels/k-3", json={}, headers={"X-API-Key": key}, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (403, "login_needed")
        assert hub.service_request("bob", "DELETE", "/api/kernels/k-1").status_code == 204


EMPTY_NOTEBOOK = {
    "type": "notebook",
    "format": "json",
    "content": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
}


def records(hub: HubProcess, user: str) -> list[dict]:
    return hub.service_request(user, "GET", "/api/figures").json()["figures"]


def test_events_reach_the_users_own_server(hub):
    """Its stream has those of the service too, as soon as a figure is published there."""
    with (
        hub.running_server("alice"),
        hub.server_request("alice", "GET", "figserve/api/events?at=service", stream=True) as stream,
    ):
        lines = stream.iter_lines(decode_unicode=True)
        assert "event: service.connected" in lines
        figure = publish(hub, "alice", "heard")
        assert "event: figure.published" in lines
        assert json.loads(next(lines).removeprefix("data: "))["figure"] == figure["id"]
