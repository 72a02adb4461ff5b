"""Whom a link is for, on a real JupyterHub: every audience, seen by every kind of person, on every surface."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from matplotlib.figure import Figure

from jupyter_figserve.demo.kernel_session import run_notebook
from tests.waiting import wait_until

from .hub_process import IMAGE, NAVIGATION, STREAM, HubProcess

pytestmark = pytest.mark.hub

NOTEBOOK = Path(__file__).parent.parent.parent / "notebooks" / "60_jupyterhub.ipynb"
PEOPLE = ("alice", "bob", "carol", "admin", None)
"""alice shares; bob is in the group lab, carol in guests; None has not logged in."""
AUDIENCES: dict[str, tuple[dict, set[str | None]]] = {
    "me": ({"audience": "me"}, {"alice"}),
    "a user": ({"audience": "people", "users": ["carol"]}, {"alice", "carol"}),
    "a group": ({"audience": "people", "groups": ["lab"]}, {"alice", "bob"}),
    "hub": ({"audience": "hub"}, {"alice", "bob", "carol", "admin"}),
    "link": ({"audience": "link"}, set(PEOPLE)),
}
"""What is asked for, and who may look."""
SURFACES: dict[str, tuple[str, dict[str, str]]] = {
    "page": ("", NAVIGATION),
    "embed": ("/embed", NAVIGATION),
    "image": (".png", IMAGE),
    "named": ("/sales.png", IMAGE),
}


@dataclass(frozen=True)
class SharingHub:
    """A Hub with the service, a figure of alice, and a browser session for each person."""

    hub: HubProcess
    figure: dict
    browsers: dict[str | None, requests.Session]

    def send(self, user: str, method: str, path: str, body: dict | None = None) -> requests.Response:
        return self.hub.service_request(user, method, f"/api/{path}", json=body)

    def share(self, path: str, body: dict) -> dict:
        answer = self.send("alice", "POST", f"{path}/links", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def status(self, person: str | None, url: str, headers: dict[str, str]) -> int:
        """Return the status that a browser gets; 302 for a way that ends at the Hub's login."""
        with self.browsers[person].get(url, headers=headers, timeout=60, stream=True) as answer:
            return 302 if "/hub/login" in answer.url else answer.status_code


def draw() -> bytes:
    figure, buffer = Figure(), io.BytesIO()
    figure.subplots().plot([1, 3, 2])
    figure.savefig(buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def sharing(service_hub: HubProcess) -> SharingHub:
    hub = service_hub
    image = {"data": draw(), "headers": {"Content-Type": "image/png"}}
    record = hub.service_request("alice", "POST", "/api/figures?name=sales", **image).json()
    browsers = {person: hub.login(person) if person else requests.Session() for person in PEOPLE}
    for person in PEOPLE[:-1]:
        browsers[person].get(f"{hub.service}/", headers=NAVIGATION, timeout=60)
    return SharingHub(hub, record, browsers)


def expected(person: str | None, allowed: set[str | None], headers: dict[str, str]) -> int:
    if person in allowed:
        return 200
    if person is None:
        return 302 if headers is NAVIGATION else 401
    return 403


@pytest.mark.parametrize("audience", AUDIENCES)
def test_figure_is_seen_by_its_audience_only(sharing, audience):
    """On its page, embedded, as an image of any form and under a readable name; administrators are no exception."""
    body, allowed = AUDIENCES[audience]
    link = sharing.share(f"figures/{sharing.figure['id']}", body)
    for surface, (suffix, headers) in SURFACES.items():
        for person in PEOPLE:
            got = sharing.status(person, link["url"] + suffix, headers)
            assert got == expected(person, allowed, headers), (surface, person)


@pytest.mark.parametrize("audience", AUDIENCES)
def test_dashboard_is_seen_by_its_audience_only(sharing, audience):
    """Its page, embedded, the images of its panels and its events."""
    body, allowed = AUDIENCES[audience]
    rows = [[{"kind": "figure", "figure": sharing.figure["id"]}]]
    made = sharing.send("alice", "POST", "dashboards", {"title": f"For {audience}", "rows": rows})
    assert made.status_code in (200, 201), made.text
    link = sharing.share(f"dashboards/{made.json()['id']}", body)
    surfaces = (("", NAVIGATION), ("/embed", NAVIGATION), ("/1-1.png", IMAGE), ("/events", STREAM))
    for suffix, headers in surfaces:
        for person in PEOPLE:
            got = sharing.status(person, link["url"] + suffix, headers)
            assert got == expected(person, allowed, headers), (suffix, person)


def test_no_cache_keeps_what_is_not_public(sharing):
    """Only answers of a link for anyone may be kept by shared caches; previews tell strangers nothing."""
    for audience, (body, _) in AUDIENCES.items():
        link = sharing.share(f"figures/{sharing.figure['id']}", body)
        answer = sharing.browsers["alice"].get(link["url"] + ".png", headers=IMAGE, timeout=60)
        is_public = audience == "link"
        assert answer.headers["Cache-Control"].startswith("public" if is_public else "private, no-store")
        preview = requests.get(f"{sharing.hub.service}/oembed", params={"url": link["url"]}, timeout=60)
        assert preview.status_code == (200 if is_public else 401)
        assert is_public or "sales" not in preview.text


def test_login_leads_back_to_the_link(sharing):
    """A colleague opens a link in a fresh browser, logs in, and sees the figure."""
    link = sharing.share(f"figures/{sharing.figure['id']}", {"audience": "hub"})
    browser = sharing.hub.login("bob")
    page = browser.get(link["url"], headers=NAVIGATION, timeout=60)
    assert (page.status_code, page.url) == (200, link["url"])


def test_audience_can_be_changed(sharing):
    """The next request obeys it."""
    link = sharing.share(f"figures/{sharing.figure['id']}", {"audience": "link"})
    assert sharing.status(None, link["url"] + ".png", IMAGE) == 200
    changed = sharing.send("alice", "PATCH", f"links/{link['id']}", {"audience": "people", "users": ["bob"]})
    assert changed.status_code == 200, changed.text
    assert [sharing.status(person, link["url"] + ".png", IMAGE) for person in PEOPLE] == [200, 200, 403, 403, 401]


@pytest.mark.nightly
@pytest.mark.kernel
def test_notebook_for_users_runs(sharing):
    """Every cell works with the service, every audience is offered, and the figures are the service's."""
    hub = sharing.hub
    with hub.running_server("alice"):
        copy = Path(shutil.copy(NOTEBOOK, hub.home / "homes" / "alice"))
        with hub.kernel("alice", copy.name) as kernel:
            error, outputs = run_notebook(kernel, copy)
    assert error is None
    text = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    assert f"{sharing.hub.service}/shared" in text
    assert "Only a JupyterHub" not in text
    assert "the JupyterHub's service" in text


@pytest.mark.nightly
def test_change_of_groups_is_obeyed(sharing):
    """Within the half minute for which the service remembers a person."""
    link = sharing.share(f"figures/{sharing.figure['id']}", {"groups": ["lab"]})
    assert sharing.status("carol", link["url"] + ".png", IMAGE) == 403
    sharing.hub.api("POST", "groups/lab/users", {"users": ["carol"]})
    wait_until(lambda: sharing.status("carol", link["url"] + ".png", IMAGE) == 200)
    sharing.hub.api("DELETE", "groups/lab/users", {"users": ["carol"]})
    wait_until(lambda: sharing.status("carol", link["url"] + ".png", IMAGE) == 403)
