"""The share dialog in Chromium, on the gallery and on a figure's page."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from jupyter_figserve.model.team_servers import FILE_NAME, TeamServer, write_team_servers
from tests.security.actors import make_png, publish

from .conftest import check_contrast, check_phone, open_own, tab_stops
from .labels import keep_labels

pytestmark = pytest.mark.browser
TITLE = "Bears & <i>wolves</i>"


@pytest.fixture(scope="module")
def figure(live_server: ServerProcess) -> dict:
    return publish(live_server, make_png(300, 200), name="bears", title=TITLE, alt="Alt text.")


PAGES = {"gallery": "figserve/", "figure page": "figserve/figures/{id}"}
"""Paths of the pages with the dialog, whose script is the same."""
on_each_page = pytest.mark.parametrize("at", PAGES, indirect=True)
on_a_page = pytest.mark.parametrize(
    "at", [pytest.param(one, marks=[pytest.mark.nightly] * (one != "gallery")) for one in PAGES], indirect=True
)
"""Of what concerns the dialog only: on the other page every night."""


@pytest.fixture
def at(request, page, live_server: ServerProcess, figure: dict):
    """Either page, with the dialog open."""
    open_own(page, live_server, PAGES[request.param].format(**figure))
    page.get_by_role("button", name="Share").first.press("Enter")
    page.get_by_role("dialog", name="Share").wait_for()
    return page


def make_link(page) -> str:
    page.get_by_role("button", name="Create link").press("Enter")
    page.get_by_role("heading", name="Link created").wait_for()
    return page.locator("#share code").first.text_content()


@on_a_page
def test_link_is_made_with_the_keyboard_only(at, live_server: ServerProcess, figure: dict) -> None:
    """With the chosen expiry, label, views and data; it opens without a login at once."""
    assert at.inner_text("#share h2") == f"Share “{TITLE}”"
    assert at.evaluate("document.activeElement.name") == "expires"
    # Letters choose an option only while they follow each other within a second, and a space then opens the list.
    at.keyboard.press("ArrowUp")
    at.keyboard.press("ArrowUp")
    assert at.input_value("[name=expires]") == "1d"
    at.keyboard.press("Tab")
    at.keyboard.type("for <b>Ada</b>")
    at.keyboard.press("Tab")
    at.keyboard.type("3")
    at.keyboard.press("Tab")
    at.keyboard.press("Space")
    at.keyboard.press("Enter")
    at.get_by_role("heading", name="Link created").wait_for()
    assert at.evaluate("document.activeElement.textContent") == "Copy link"
    url = at.locator("#share code").first.text_content()
    assert live_server.fetch(url, anonymous=True, headers={"Accept": "text/html"}).status == 200
    made = live_server.fetch(f"figserve/api/figures/{figure['id']}/links").json()["links"][0]
    assert (made["label"], made["views"], made["data"], made["code"]) == ("for <b>Ada</b>", 3, True, False)
    assert made["expires"][:10] > made["created"][:10]
    assert at.get_by_text("opens only on this machine").is_visible()
    assert "c.FigServe.public_url" in at.locator("#share .note code").all_text_contents()


def test_buttons_stay_in_sight_on_a_phone(page, live_server: ServerProcess, figure: dict) -> None:
    """In a dialog that is longer than the screen, before scrolling, too."""
    height = 480
    page.set_viewport_size({"width": 360, "height": height})
    open_own(page, live_server, f"figserve/figures/{figure['id']}")
    page.get_by_role("button", name="Share").first.press("Enter")
    dialog = page.locator("dialog[open]")
    assert dialog.evaluate("element => element.scrollHeight > element.clientHeight && element.scrollTop === 0")
    box = page.get_by_role("button", name="Create link").bounding_box()
    assert box["y"] + box["height"] <= height


def test_the_teams_server_is_offered(page, live_server: ServerProcess, figure: dict) -> None:
    """A button publishes the figure there and shows that link in place of the one that reaches nobody."""
    made = live_server.fetch("figserve/api/keys", method="POST", body={"scopes": ["publish"]}).json()
    # The same server stands for the team's.
    team = TeamServer(f"{live_server.url}figserve", made["key"], "local", ("publish",), made["created"])
    path = live_server.home / "data" / FILE_NAME
    write_team_servers(path, [team])
    try:
        open_own(page, live_server, f"figserve/figures/{figure['id']}")
        page.get_by_role("button", name="Share").first.press("Enter")
        own = make_link(page)
        page.get_by_role("button", name=f"Share on {urlsplit(live_server.url).netloc}").press("Enter")
        page.wait_for_function("own => document.querySelector('dialog code').textContent !== own", arg=own)
        link = page.locator("dialog code").first.text_content()
        assert page.get_by_text("opens only on this machine").is_visible()
        check_contrast(page, "dialog .team .meta", "dialog [data-team]")
    finally:
        path.unlink()
    assert live_server.fetch(f"{link}.png", anonymous=True).body == make_png(300, 200)


# In one step, as the page replaces its rows when it hears of the new link. Those of the last time are hidden until the
# dialog has the new ones.
CLICK_COPY = """place => {
  const button = [...document.querySelectorAll(`${place} [data-copy]`)].find((one) => one.checkVisibility());
  button?.click();
  return Boolean(button);
}"""


@on_each_page
def test_existing_link_is_copied_again(chromium, at, live_server: ServerProcess, figure: dict) -> None:
    """From the dialog, so that nobody makes a second link, and from the list on the figure's page."""
    chromium.grant_permissions(["clipboard-read", "clipboard-write"])
    url = make_link(at)
    newest = live_server.fetch(f"figserve/api/figures/{figure['id']}/links").json()["links"][0]["id"]
    at.get_by_role("button", name="Done").press("Enter")
    places = [f"[data-link={newest}]"] if at.locator("[data-live=links]").count() else []
    at.get_by_role("button", name="Share").first.press("Enter")
    for place in (*places, "#share"):
        at.evaluate("document.getElementById('news').textContent = ''; navigator.clipboard.writeText('')")
        at.wait_for_function(CLICK_COPY, arg=place)
        at.wait_for_function("() => document.getElementById('news').textContent === 'Copied.'")
        assert at.evaluate("navigator.clipboard.readText()") == url


@on_a_page
def test_last_day_is_a_date(at, live_server: ServerProcess, figure: dict) -> None:
    """The link ends with that day in the browser's time zone; without a date, the dialog asks for one."""
    at.locator("[name=expires]").select_option("date")
    at.get_by_role("button", name="Create link").press("Enter")
    at.get_by_text("Choose the last day").wait_for()
    at.locator("[name=date]").fill("2030-12-31")
    make_link(at)
    made = live_server.fetch(f"figserve/api/figures/{figure['id']}/links").json()["links"][0]
    assert made["expires"] == at.evaluate("new Date('2030-12-31T23:59:59').toISOString()")


@on_a_page
def test_every_snippet_is_copied_as_the_interface_writes_it(chromium, at) -> None:
    """The link by the one primary button; image, Markdown, HTML, iframe and LaTeX below "Embed"."""
    chromium.grant_permissions(["clipboard-read", "clipboard-write"])
    url = make_link(at)
    at.get_by_role("button", name="Copy link", exact=True).click()
    at.wait_for_function("() => document.getElementById('copied').textContent === 'Copied.'")
    assert at.evaluate("navigator.clipboard.readText()") == url
    at.locator("#share summary").click()
    rows = at.locator("#share .snippet")
    labels = rows.locator(".snippet-label").all_inner_texts()
    keep_labels(at)
    assert labels == ["Image", "Markdown", "HTML", "iframe", "LaTeX"]
    for number in range(rows.count()):
        button = rows.nth(number).get_by_role("button")
        button.click()
        button.get_by_text("Copied").wait_for()
        text = at.evaluate("navigator.clipboard.readText()")
        assert text == rows.nth(number).locator("code").text_content()
        assert url in text
    assert r"\textless" in text or "<i>" in text


@on_each_page
def test_escape_closes_and_the_focus_returns(at) -> None:
    """Before the link is made, and after."""
    at.keyboard.press("Escape")
    at.locator("#share").wait_for(state="hidden")
    assert at.evaluate("document.activeElement.textContent").startswith("Share")
    at.keyboard.press("Enter")
    make_link(at)
    at.get_by_role("button", name="Done").press("Enter")
    at.locator("#share").wait_for(state="hidden")
    at.wait_for_function("() => document.activeElement.textContent.startsWith('Share')")


@on_each_page
def test_page_lists_the_new_link(at) -> None:
    """Without a reload."""
    before = at.locator("[data-link]").count(), at.locator(".shared").count()
    make_link(at)
    at.get_by_role("button", name="Done").click()
    if "figures" in at.url:
        at.wait_for_function("count => document.querySelectorAll('[data-link]').length > count", arg=before[0])
    else:
        at.locator(".shared").first.wait_for()


def test_dialog_that_is_open_again_before_its_end_was_told(page, live_server: ServerProcess, figure: dict) -> None:
    """The list has the new link: the browser tells of the end with the next frame only."""
    open_own(page, live_server, f"figserve/figures/{figure['id']}")
    before = page.locator("[data-link]").count()
    page.get_by_role("button", name="Share").first.press("Enter")
    make_link(page)
    page.evaluate(
        "() => { for (const one of ['#share .share-result [data-close]', '[data-share]']) "
        "document.querySelector(one).click(); }"
    )
    page.wait_for_function("count => document.querySelectorAll('[data-link]').length > count", arg=before)
    assert page.get_by_role("button", name="Create link").is_visible()


def test_link_that_is_made_after_the_dialog_was_closed(page, live_server: ServerProcess, figure: dict) -> None:
    """It is in the list, and the dialog that was opened meanwhile, for another link, stays as it is."""
    open_own(page, live_server, f"figserve/figures/{figure['id']}")
    before, posts = page.locator("[data-link]").count(), []
    page.route("**/links", lambda route: route.continue_() if route.request.method == "GET" else posts.append(route))
    page.get_by_role("button", name="Share").first.press("Enter")
    with page.expect_request(lambda request: request.method == "POST"):
        page.get_by_role("button", name="Create link").press("Enter")
    page.keyboard.press("Escape")
    page.locator("#share").wait_for(state="hidden")
    page.get_by_role("button", name="Share").first.press("Enter")
    page.get_by_label("Label").fill("another")
    posts[0].continue_()
    page.wait_for_function("count => document.querySelectorAll('[data-link]').length > count", arg=before)
    assert page.get_by_label("Label").input_value() == "another"
    page.wait_for_function("() => !document.querySelector('#share [type=submit]:not([hidden])').disabled")


@on_a_page
def test_invalid_fields_have_messages(at) -> None:
    """At once, in their field; nothing is lost, and the form can be submitted again."""
    at.get_by_label("View limit").fill("many")
    at.get_by_role("button", name="Create link").click()
    at.get_by_role("alert").get_by_text("whole number").wait_for()
    assert at.get_by_label("View limit").input_value() == "many"
    at.wait_for_function("() => document.activeElement.getAttribute('aria-describedby') === 'share-error'")
    at.get_by_label("View limit").fill("")
    assert "/f/" in make_link(at)


def test_servers_message_is_displayed(chromium, make_server) -> None:
    """Links beyond the maximum age, and the page has the reason and the remedy."""
    for traits, message in (
        (
            {"link_max_age": "7d"},
            "Links on this server expire after at most 7 days (FigServe.link_max_age). Choose an earlier time.",
        ),
    ):
        server = make_server(**traits)
        publish(server, name="sales")
        page = chromium.new_page()  # errors are expected: 400 and 403
        open_own(page, server)
        page.get_by_role("button", name="Share").first.click()
        page.get_by_role("button", name="Create link").click()
        page.get_by_role("alert").get_by_text(message).wait_for()
        page.wait_for_function("() => document.activeElement.name === 'expires'")


def test_ended_login_is_reported(chromium, live_server: ServerProcess, figure: dict) -> None:
    """The page stays, and says what to do."""
    page = chromium.new_page()  # errors are expected: 401
    open_own(page, live_server, f"figserve/figures/{figure['id']}")
    chromium.clear_cookies()
    page.get_by_role("button", name="Share").first.click()
    page.get_by_role("button", name="Create link").click()
    page.get_by_role("alert").get_by_text("no longer signed in").wait_for()


@on_a_page
def test_dialog_fits_a_phone_and_is_legible(at) -> None:
    """At 360 pixels, in both colour schemes; the focus stays within the dialog."""
    make_link(at)
    at.locator("#share summary").click()
    check_contrast(
        at, "#share h2", "#share .meta", "#share code", "#share .snippet-label", ".note", "#share button:visible"
    )
    at.set_viewport_size({"width": 360, "height": 700})
    box = at.locator("#share").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert at.evaluate("document.documentElement.scrollWidth") == 360
    for element in at.query_selector_all("#share button, #share .note, #share .snippet, #share .new-link"):
        inside = element.bounding_box()
        assert not inside or inside["x"] + inside["width"] <= 360
    stops = tab_stops(at, max_stops=12)
    assert not any("Search" in stop for stop in stops)


@on_each_page
def test_form_fits_a_phone_and_is_legible(at) -> None:
    """Before the link is made."""
    check_contrast(at, "#share h2", "#share .meta", "#share label", "#share button:visible")
    at.keyboard.press("Escape")
    check_phone(at, 360)


@on_a_page
def test_without_a_hub_there_are_no_people(at, live_server: ServerProcess, figure: dict) -> None:
    """The owner alone or anyone; the sentence above says which."""
    assert at.locator("#share select[name=audience] option").all_text_contents() == ["Only me", "Anyone with the link"]
    at.get_by_label("Who can open it").select_option("me")
    assert at.get_by_text("Only you can view this figure").is_visible()
    assert not at.get_by_text("Anyone with the link can view").is_visible()
    url = make_link(at)
    assert live_server.fetch(f"{url}.png", anonymous=True).status == 401
    assert live_server.fetch(f"{url}.png").status == 200


def test_people_are_named_and_changed(page, make_server) -> None:
    """Under a Hub: users and groups by name, and another audience later, under the same address."""
    server = make_server(environment={"JUPYTERHUB_USER": "ann"})
    figure = publish(server, name="sales")
    open_own(page, server, f"figserve/figures/{figure['id']}")
    page.get_by_role("button", name="Share").first.click()
    page.get_by_label("Who can open it").select_option("people")
    page.get_by_role("button", name="Create link").click()
    page.get_by_role("alert").get_by_text("Name the users or groups").wait_for()
    page.get_by_label("Users").fill("bob, ada,")
    page.get_by_label("Groups").fill("the lab")
    url = make_link(page)
    page.get_by_role("button", name="Done").click()
    page.get_by_text("for ada, bob and group the lab").wait_for()
    page.get_by_role("button", name="Change").click()
    page.get_by_role("button", name="Save").wait_for()
    assert page.get_by_label("Users").input_value() == "ada, bob"
    page.get_by_label("Who can open it").select_option("hub")
    assert not page.get_by_label("Users").is_visible()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("for everyone on this hub").wait_for()
    (link,) = server.fetch("figserve/api/links").json()["links"]
    assert (link["audience"], link["users"], link["groups"]) == ("hub", [], [])
    assert server.fetch(f"{url}.png", anonymous=True).status == 401
