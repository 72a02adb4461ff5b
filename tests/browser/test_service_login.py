"""Widgets on a JupyterHub, whose service has a login of its own."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.web.http.templates import PACKAGE

pytestmark = pytest.mark.browser
SCRIPT = PACKAGE / "static" / "widgets" / "widget_events.js"


def test_widgets_log_in_to_the_service(chromium):
    """By one hidden visit, after which the request is repeated; other servers get none."""
    page, asked = chromium.new_page(), list[str]()

    def answer(route) -> None:
        path = route.request.url.removeprefix("http://hub.test")
        asked.append(path)
        is_known = path in ("/lab", "/services/figserve/shared") or "/services/figserve/shared" in asked[:-1]
        route.fulfill(status=200 if is_known else 401, content_type="text/html", body="<!doctype html>")

    page.route("http://hub.test/**", answer)
    page.goto("http://hub.test/lab")
    page.add_script_tag(content=SCRIPT.read_text(encoding="utf-8"))

    def ask(path: str) -> int:
        status: int = page.evaluate("path => request(path).then((answer) => answer.status)", path)
        return status

    assert ask("/user/ada/figserve/live/k/wave.png") == 401
    assert [path for path in asked if path.endswith("/shared")] == []
    assert [ask(f"/services/figserve/live/k/wave.png?n={n}") for n in (1, 2)] == [200, 200]
    assert asked.count("/services/figserve/shared") == 1
    assert page.locator("iframe").count() == 0
