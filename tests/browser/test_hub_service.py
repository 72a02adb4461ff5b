"""Pages of a user's server on a JupyterHub, whose service has the figures, and a login of its own."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.environment_variables import SERVICE_VARIABLE
from jupyter_figserve.server.services.links.audience import AudiencePolicy
from jupyter_figserve.server.web.http.templates import PACKAGE, make_templates

from .lab import PLACES, application_server

pytestmark = pytest.mark.browser
SCRIPT = PACKAGE / "static" / "widgets" / "widget_events.js"
LAB = PACKAGE / "labextension" / "static"
DIALOG = "export function attach() {}; export function share(...given) { globalThis.shared = given; }"
OPEN = """
async (kind) => {
  const { share } = await import("/static/share_dialog.js");
  document.querySelector("#share").close();
  share(`api/${kind}/x/links`, "sales");
  const { audience } = document.forms[0].elements;
  return [[...audience].filter((option) => !option.disabled).map((option) => option.value), audience.value];
}
"""
PANEL = """
async (isDown) => {
  globalThis.EventSource = class extends EventTarget {
    constructor(url) { super(); globalThis.events = this; this.url = url; }
    close() {}
  };
  const { FiguresPanel } = await import("/lab/figures_panel.js");
  const [service, day] = ["http://hub.test/services/figserve", "2026-01-0"];
  const make = (name, from, updated) => ({
    id: `${from}-${name}`, name, title: "", url: `${service}/figures/${from}-${name}`, origin: "captured",
    updated: day + updated, thumbnail: null,
    representations: [{ mimetype: "image/png", url: `${service}/figures/x.png` }],
  });
  const own = { figures: [make("new", "own", 4), make("both", "own", 3), make("old", "own", 1)], next: null };
  const theirs = { figures: [make("both", "at", 3), make("mid", "at", 2)], next: null, server: "http://127.0.0.1:1/x" };
  const server = {
    url: (path) => `http://hub.test/user/ada/figserve/${path}`,
    own: (address) => `http://hub.test/user/ada/figserve/${address.split("/figserve/")[1]}`,
    ask: async (_, path) => {
      if (!path.includes("at=service")) return own;
      if (isDown) throw Object.assign(new Error("It does not answer."), { code: "team_server_unreachable" });
      return theirs;
    },
  };
  const node = document.createElement("div");
  const panel = new FiguresPanel({}, node, server, null);
  panel.show();
  const watched = { childList: true, subtree: true };
  const shown = () => new Promise((resolve) => { new MutationObserver(resolve).observe(node, watched); });
  await shown();
  if (!isDown) {
    theirs.figures.push(make("late", "at", 5));
    globalThis.events.dispatchEvent(new Event("figure.published"));
    await shown();
  }
  const links = [...node.querySelectorAll("li a")].map((link) => link.pathname);
  const [gallery, image] = [node.querySelector(".figserve-head a").pathname, node.querySelector("img").src];
  const { startDrag } = await import("/lab/figure_drag.js");
  const page = { ...theirs.figures[1], alt: "", representations: [], server: theirs.server };
  const dragged = [theirs.figures[1], page].map((record) => {
    const dataTransfer = new DataTransfer();
    startDrag({ dataTransfer }, record, server);
    return dataTransfer.getData("application/x-figserve-figure");
  });
  return [links, gallery, image, node.querySelector("[role=status]").textContent, dragged, globalThis.events.url];
}
"""
MENU = """
async () => {
  const { FigureActions } = await import("/lab/figure_actions.js");
  const record = { id: "x", name: "sales", server: "http://hub", url: "http://hub.test/services/figserve/figures/x" };
  const pages = [];
  const server = {
    url: (path) => `http://hub.test/user/ada/figserve/${path}`,
    ask: async () => record,
    text: async (path) => {
      pages.push(path);
      return '<dialog id="share"></dialog><script type="module" src="static/page.js"></script>';
    },
  };
  const opened = new Promise((resolve) => { window.open = () => ({ location: { replace: resolve } }); });
  const actions = new FigureActions(server), target = { displayed: { kind: "published", figure: "x" } };
  await actions.share(target);
  await actions.openPage(target);
  return [pages, globalThis.shared.slice(0, 2), await opened];
}
"""
"""A figure that is at the service, which the user's own server has said."""


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


def test_the_menu_knows_figures_of_the_service(chromium):
    """Its dialog comes from another page, as the own server has none of the figure; its page is the service's."""
    page = chromium.new_page()

    def answer(route) -> None:
        path = route.request.url.removeprefix("http://hub.test")
        if path == "/lab":
            route.fulfill(content_type="text/html", body="<!doctype html>")
            return
        file = LAB / path.removeprefix("/lab/")
        body = DIALOG if path.startswith("/user/") else file.read_text(encoding="utf-8")
        route.fulfill(content_type="text/javascript", body=body)

    page.route("http://hub.test/**", answer)
    page.goto("http://hub.test/lab")
    pages, shared, opened = page.evaluate(MENU)
    assert pages == [""]
    assert shared == ["api/figures/x/links", "sales"]
    assert opened == "http://hub.test/services/figserve/figures/x"


def test_the_dialog_offers_what_the_links_server_allows(chromium):
    """Figures have the service's audiences and the names that it refuses, at their field; all else the own server's."""
    page = chromium.new_page()
    policies = {"audiences": AudiencePolicy("hub", True), "figure_audiences": AudiencePolicy("link", True)}
    markup = make_templates().get_template("parts/share_dialog.html").render(policies, can_embed=False)

    def answer(route) -> None:
        path = route.request.url.removeprefix("http://hub.test/")
        if path.startswith("static/"):
            script = (PACKAGE / "static" / "shared" / path.removeprefix("static/")).read_text(encoding="utf-8")
            route.fulfill(content_type="text/javascript", body=script)
        elif path.startswith("api/"):
            route.fulfill(status=400, json={"error": "No group labz.", "code": "unknown_group"})
        else:
            route.fulfill(content_type="text/html", body=f"<!doctype html>{markup}")

    page.route("http://hub.test/**", answer)
    page.goto("http://hub.test/lab")
    assert page.evaluate(OPEN, "dashboards") == [["me", "people", "hub"], "hub"]
    assert page.evaluate(OPEN, "figures") == [["me", "people", "hub", "link"], "link"]
    page.get_by_label("Who can open it").select_option("people")
    page.get_by_label("Groups").fill("labz")
    page.get_by_role("button", name="Create link").click()
    page.locator("label:has([name=groups][aria-invalid]) + .error", has_text="No group labz.").wait_for()
    assert page.evaluate("document.activeElement.name") == "groups"


def test_the_panel_lists_the_figures_of_the_service(chromium):
    """And the own server's, the newest first and each once, new ones at once; without it, what is here, and why."""
    page = chromium.new_page()

    def answer(route) -> None:
        name = route.request.url.rpartition("/lab/")[2]
        if not name.endswith(".js"):
            route.fulfill(content_type="text/html", body="<!doctype html>")
            return
        route.fulfill(content_type="text/javascript", body=(LAB / name).read_text(encoding="utf-8"))

    page.route("http://hub.test/**", answer)
    page.goto("http://hub.test/lab/")
    links, gallery, image, said, dragged, events = page.evaluate(PANEL, False)
    own, service = "/user/ada/figserve/figures/own-", "/services/figserve/figures/at-"
    assert links == [f"{service}late", f"{own}new", f"{service}both", f"{service}mid", f"{own}old"]
    assert events == "http://hub.test/user/ada/figserve/api/events?at=service"
    assert (gallery, said) == ("/services/figserve/", "")
    assert image == "http://hub.test/user/ada/figserve/figures/x.png?_v=undefined"
    assert dragged == [
        "![mid](/user/ada/figserve/figures/x.png)",
        "[mid](http://hub.test/services/figserve/figures/at-mid)",
    ]
    links, gallery, _, said, *_ = page.evaluate(PANEL, True)
    assert links == [f"{own}{name}" for name in ("new", "both", "old")]
    assert (gallery, said) == ("/user/ada/figserve/", "It does not answer.")


def test_the_menus_lead_to_the_gallery_of_the_service(new_chromium):
    """Where kernels publish; that of the own server, with what was displayed, has an entry beside it."""
    hub = {SERVICE_VARIABLE: "http://127.0.0.1:9/services/figserve", "JUPYTERHUB_API_TOKEN": "t"}
    with application_server(*PLACES[0], hub | {"JUPYTERHUB_SERVICE_PREFIX": "/"}) as server:
        page = new_chromium.new_page()
        page.goto(f"{server.url}lab?token={server.token}&reset")
        page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('jupyter_figserve:open-own-gallery')")
        page.evaluate("() => { window.open = (url) => { (globalThis.opened ??= []).push(url); }; }")
        for entry in ("Figures", "Figures on this server"):
            page.get_by_role("menuitem", name="View", exact=True).click()
            page.get_by_role("menuitem", name=entry, exact=True).click()
        assert page.evaluate("opened") == [f"{server.url}services/figserve/", f"{server.url}figserve/"]
