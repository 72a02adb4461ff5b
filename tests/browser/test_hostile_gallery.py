"""Hostile titles, names and images on the owner's pages, in Chromium."""

from __future__ import annotations

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from tests.security.actors import Listener, make_png, publish, share

from .conftest import open_login, open_own, read_toast

pytestmark = pytest.mark.browser
EVIL = (
    "\"'><img src=x onerror=\"document.title='evil'\"><script>document.title='evil'</script></textarea></title>{{7*7}}"
)


def assert_harmless(page, text: str = EVIL) -> None:
    """Check that markup is shown as text: it has created no element and run no script."""
    assert page.evaluate("document.title") != "evil"
    assert text in page.inner_text("body")
    assert "49" not in page.inner_text("h1")
    assert page.locator("img[src=x]").count() == 0
    own = page.evaluate("[...document.scripts].every(s => s.src.includes('/static/') && !s.textContent)")
    assert own


@pytest.fixture(scope="module")
def evil(live_server: ServerProcess) -> dict:
    """A figure with markup in its notebook's path, in each of its texts and in a link's label."""
    with live_server.kernel(f"{EVIL.replace('/', '')}.ipynb") as kernel:
        code = (
            "import jupyter_figserve as figserve\n"
            f"pub = figserve.publish({make_png()!r}, 'evil', title={EVIL!r}, alt={EVIL!r}, caption={EVIL!r})\n"
            f"pub.share(label={EVIL!r}); print(pub.id)"
        )
        execution = kernel.run(code)
        assert execution.error is None, execution.stderr
    record = live_server.fetch(f"figserve/api/figures/{execution.stdout.split()[-1]}")
    assert record.status == 200, (execution.stdout, record.text)
    return record.json()


def test_D1_markup_in_texts_is_text_in_the_gallery(page, live_server: ServerProcess, evil: dict) -> None:
    """Title, notebook path and search; also in what scripts write: dialog, message and announcement."""
    open_own(page, live_server)
    assert_harmless(page)
    assert evil["notebook"] in page.inner_text("#sections")
    page.locator(f"[data-figure='{evil['id']}'] [data-share]").click()
    assert EVIL in page.inner_text("dialog h2")
    page.keyboard.press("Escape")
    page.locator(f"[data-figure='{evil['id']}'] [data-delete]").click()
    page.get_by_role("button", name="Undo").wait_for()
    assert EVIL in read_toast(page)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("id => document.querySelector(`[data-figure='${id}']`)", arg=evil["id"])
    assert_harmless(page)
    page.get_by_role("searchbox").fill(EVIL)
    page.keyboard.press("Enter")
    page.wait_for_url("**q=**")
    assert_harmless(page)


def test_D1_markup_in_texts_is_text_on_the_figure_page(page, live_server: ServerProcess, evil: dict) -> None:
    """Title, alternative text, notebook path, label, and the form that edits them."""
    open_own(page, live_server, f"figserve/figures/{evil['id']}")
    assert_harmless(page)
    for place in ("h1", "figcaption", "[data-link]"):
        assert EVIL in page.inner_text(place)
    page.get_by_role("button", name="Edit title and description").click()
    assert page.input_value("[name=title]") == EVIL
    assert page.input_value("[name=alt]") == EVIL
    assert page.input_value("[name=caption]") == EVIL


def test_D1_markup_in_a_captured_plots_name_is_text(page, live_server: ServerProcess) -> None:
    """A file that a notebook wrote is shown by its name."""
    name = "<img src=x onerror=alert(1)>.png"
    with live_server.kernel("plots.ipynb") as kernel:
        execution = kernel.run(
            "import matplotlib.pyplot as plt\n%matplotlib inline\nplt.plot([1]); plt.show()\n"
            f"import jupyter_figserve as figserve\n(figserve.plots_dir() / {name!r}).write_bytes({make_png()!r})"
        )
        assert execution.error is None, execution.stderr
        open_own(page, live_server)
        page.locator("details.captured summary").first.click()
        page.get_by_role("button", name=f"Keep {name}").wait_for()
        assert page.locator("img[src=x]").count() == 0


def test_D2_other_sites_cannot_delete_restore_or_share(
    chromium, live_server: ServerProcess, other_site: Listener
) -> None:
    """Forms, images, beacons and fetches of another site change nothing while the owner is logged in."""
    record = publish(live_server, make_png(5, 5), name="target")
    page = chromium.new_page()  # errors are expected: requests are refused
    open_login(page, live_server)
    api = f"{live_server.url}figserve/api/figures/{record['id']}"
    page.goto(other_site.serve("/attack", "<!doctype html><title>attack</title>"))
    page.evaluate(
        """async api => {
          const tries = [
            () => fetch(api, {method: 'DELETE', credentials: 'include', mode: 'cors'}),
            () => fetch(api + '/links', {method: 'POST', credentials: 'include', mode: 'no-cors', body: '{}'}),
            () => fetch(api + '/restore', {method: 'POST', credentials: 'include', mode: 'no-cors'}),
            () => navigator.sendBeacon(api + '/links', '{}'),
            () => new Promise(done => {
              const image = new Image(); image.onload = image.onerror = done; image.src = api + '?_method=DELETE';
            }),
          ];
          for (const attempt of tries) await Promise.resolve().then(attempt).catch(() => {});
        }""",
        api,
    )
    for path in ("/links", "/restore"):
        page.goto(
            other_site.serve(
                "/form", f"<!doctype html><form method=post action='{api}{path}'><button>go</button></form>"
            )
        )
        with page.expect_navigation():
            page.click("button")
    assert live_server.fetch(f"figserve/api/figures/{record['id']}").json() == record
    assert live_server.fetch(f"figserve/api/figures/{record['id']}/links").json()["links"] == []
    live_server.fetch(f"figserve/api/figures/{record['id']}", method="DELETE")
    page.goto(f"{other_site.origin}/form")
    with page.expect_navigation():
        page.click("button")
    assert live_server.fetch(f"figserve/api/figures/{record['id']}").status == 404


@pytest.mark.parametrize("path", ["figserve/", "figserve/figures/{id}"])
def test_D3_no_page_can_be_framed(chromium, live_server: ServerProcess, other_site: Listener, path: str) -> None:
    """Not by another site and not by a page of the same origin, which prevents clickjacking."""
    record = publish(live_server, name="framed")
    address = live_server.url + path.format(**record)
    page = chromium.new_page()  # errors are expected: requests are refused
    open_login(page, live_server)
    page.goto(other_site.serve("/frame", f"<!doctype html><iframe src='{address}'></iframe>"))
    page.wait_for_load_state("networkidle")
    for frame in page.frames[1:]:
        assert "Figures" not in frame.content()
    response = live_server.fetch(path.format(**record))
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Frame-Options"] == "DENY"


def test_D4_svgs_in_the_gallery_send_no_requests(page, live_server: ServerProcess, other_site: Listener) -> None:
    """Displayed as images only, also at full size on their page: no script runs and no request is sent."""
    url = other_site.origin
    for number, inside in enumerate(
        (
            f"<script>fetch('{url}/fetched')</script>",
            f"<image href='{url}/image.png' width='9' height='9'/>",
            f"<use href='{url}/use.svg#x'/>",
            f"<style>@import '{url}/style.css'; rect {{ fill: url('{url}/fill.svg#a') }}</style>",
            f"<foreignObject width='9' height='9'><iframe xmlns='http://www.w3.org/1999/xhtml' src='{url}/frame'/>"
            "</foreignObject>",
        )
    ):
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60" onload="location=\'{url}/onload\'">'
        data = f"{svg}<rect width='80' height='60' fill='teal'/>{inside}</svg>".encode()
        record = publish(live_server, data, "image/svg+xml", name=f"evil-{number}")
        share(live_server, record)
    open_own(page, live_server, "figserve/?q=evil-")
    page.wait_for_function("() => [...document.querySelectorAll('.card img')].filter(i => i.naturalWidth).length >= 5")
    assert page.locator("svg, object, embed, iframe").count() == 0
    open_own(page, live_server, f"figserve/figures/{record['id']}")
    page.wait_for_function("() => document.querySelector('img.figure-image').naturalWidth")
    assert other_site.hits == []


def test_D5_policy_has_no_inline_script_and_the_console_is_clean(page, live_server: ServerProcess, evil: dict) -> None:
    """The policy causes no console error while gallery, dialog, deletion and figure page are used."""
    for path in ("figserve/", f"figserve/figures/{evil['id']}"):
        policy = live_server.fetch(path).headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        open_own(page, live_server, path)
        page.get_by_role("button", name="Share").first.click()
        page.get_by_role("button", name="Create link").click()
        page.get_by_role("button", name="Done").click()
        page.get_by_role("button", name="Delete").first.click()
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("Restored “").wait_for()
    assert page.evaluate("document.querySelectorAll('[style], [onclick]').length") == 0


def make_dashboard(server: ServerProcess, figure: dict, text: str, name: str = "dashboard") -> tuple[dict, dict]:
    """Create a dashboard with this text in every text field, and a link to it."""
    panel = {"kind": "figure", "figure": figure["id"], "caption": text}
    rows = [[panel, {"kind": "text", "markdown": text}]]
    body = {"name": name, "title": text, "rows": rows}
    created = server.fetch("figserve/api/dashboards", method="POST", body=body)
    assert created.status == 201, created.text
    dashboard = created.json()
    link = server.fetch(f"figserve/api/dashboards/{dashboard['id']}/links", method="POST", body={"label": text})
    assert link.status == 201, link.text
    return dashboard, link.json()


def test_D1_markup_in_texts_is_text_on_a_dashboard(page, live_server: ServerProcess, evil: dict) -> None:
    """Title, caption, Markdown, alternative text and label; also in the gallery, and for visitors."""
    dashboard, link = make_dashboard(live_server, evil, EVIL, "evil")
    open_login(page, live_server)
    for url in (dashboard["url"], link["url"]):
        page.goto(url)
        page.wait_for_function("() => document.querySelector('.dashboard').dataset.stream === 'open'")
        assert_harmless(page)
        assert EVIL in page.inner_text("h1")
        assert EVIL in page.inner_text("figcaption")
        assert "<script>" in page.inner_text(".prose")
        assert page.get_attribute("img.figure-image", "alt") == EVIL
        assert page.evaluate("document.querySelectorAll('[style], [onclick], .prose img').length") == 0
    page.goto(dashboard["url"])
    assert EVIL in page.inner_text(".links")
    open_own(page, live_server)
    assert EVIL in page.inner_text("[data-dashboard]")


def test_D2_other_sites_cannot_delete_or_share_a_dashboard(
    chromium, live_server: ServerProcess, other_site: Listener
) -> None:
    """Forms, beacons and fetches of another site change nothing while the owner is logged in."""
    dashboard, link = make_dashboard(live_server, publish(live_server, name="target"), "Target", "target")
    page = chromium.new_page()  # errors are expected: requests are refused
    open_login(page, live_server)
    api = f"{live_server.url}figserve/api/dashboards"
    page.goto(other_site.serve("/attack", "<!doctype html><title>attack</title>"))
    page.evaluate(
        """async ([api, id]) => {
          const tries = [
            () => fetch(`${api}/${id}`, {method: 'DELETE', credentials: 'include', mode: 'cors'}),
            () => fetch(`${api}/${id}/links`, {method: 'POST', credentials: 'include', mode: 'no-cors', body: '{}'}),
            () => fetch(api, {method: 'POST', credentials: 'include', mode: 'no-cors', body: '{"title": "x"}'}),
            () => navigator.sendBeacon(`${api}/${id}/links`, '{}'),
          ];
          for (const attempt of tries) await Promise.resolve().then(attempt).catch(() => {});
        }""",
        [api, dashboard["id"]],
    )
    form = f"<!doctype html><form method=post action='{api}/{dashboard['id']}/links'><button>go</button></form>"
    page.goto(other_site.serve("/form", form))
    with page.expect_navigation():
        page.click("button")
    assert live_server.fetch(f"figserve/api/dashboards/{dashboard['id']}").json() == dashboard
    links = live_server.fetch(f"figserve/api/dashboards/{dashboard['id']}/links").json()["links"]
    assert [one["id"] for one in links] == [link["id"]]


def test_D3_no_dashboard_can_be_framed(chromium, live_server: ServerProcess, other_site: Listener) -> None:
    """Not its owner's page, not the shared page, and not the embedded page while no site is allowed."""
    dashboard, link = make_dashboard(live_server, publish(live_server, name="framed"), "Framed text", "framed")
    page = chromium.new_page()  # errors are expected: requests are refused
    open_login(page, live_server)
    for url in (dashboard["url"], link["url"], f"{link['url']}/embed"):
        page.goto(other_site.serve("/frame", f"<!doctype html><iframe src='{url}'></iframe>"))
        page.wait_for_load_state("networkidle")
        assert all("Framed text" not in frame.content() for frame in page.frames[1:])


def test_D4_svgs_on_a_dashboard_send_no_requests(page, live_server: ServerProcess, other_site: Listener) -> None:
    """Displayed as images only: no script runs and no request is sent."""
    url = other_site.origin
    inside = f"<script>fetch('{url}/fetched')</script><image href='{url}/image.png' width='9' height='9'/>"
    start = f"<svg xmlns='http://www.w3.org/2000/svg' width='80' height='60' onload=\"location='{url}/onload'\">"
    figure = publish(live_server, f"{start}{inside}</svg>".encode(), "image/svg+xml", name="evil-dashboard")
    _, link = make_dashboard(live_server, figure, f"![x]({url}/markdown.png) <img src='{url}/html.png'>", "evil-svg")
    page.goto(link["url"])
    page.wait_for_function("() => document.querySelector('img.figure-image').naturalWidth")
    assert page.locator(".dashboard svg, object, embed, iframe").count() == 0
    assert other_site.hits == []


def test_D5_dashboards_policy_has_nothing_inline(page, live_server: ServerProcess, evil: dict) -> None:
    """The policy causes no console error."""
    dashboard, link = make_dashboard(live_server, evil, "Words", "policy")
    open_login(page, live_server)
    for url in (dashboard["url"], link["url"]):
        policy = live_server.fetch(url.removeprefix(live_server.url)).headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        page.goto(url)
        page.wait_for_function("() => document.querySelector('.dashboard').dataset.stream === 'open'")
        assert page.evaluate("document.querySelectorAll('[style], [onclick]').length") == 0
