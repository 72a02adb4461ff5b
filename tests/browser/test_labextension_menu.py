"""The menu of displayed figures and the figures panel in JupyterLab and Notebook, in Chromium."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import metadata

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from jupyter_figserve.model.canonical_json import canonical_json
from jupyter_figserve.model.html.content import parse_html
from jupyter_figserve.model.images.headers import read_header
from tests.security.actors import make_png

from .lab import PLACES, application_server, ending_sessions, notebook, run_all, wait_until_run

pytestmark = pytest.mark.browser
PNGS = [make_png(60, 40, shade=30), make_png(80, 40, shade=90)]
SHOWN = [base64.b64encode(data).decode() for data in PNGS]
CELLS = [
    "import base64\nfrom IPython.display import HTML, Image, display\n"
    + "\n".join(f"display(Image(base64.b64decode('{text}')))" for text in SHOWN),
    "print('text'); display(HTML('<table><tr><td>1</td></tr></table>'))",
]
FIGURE, BUTTON, MESSAGE = ".figserve-figure", ".figserve-button", ".figserve-message"
PLAIN_HTTP = """
Object.defineProperty(navigator, "clipboard", {value: undefined});
Object.defineProperty(crypto, "subtle", {value: undefined});
delete window.ClipboardItem;
"""
NOTIFY = """window.jupyterapp.commands.execute(
  "apputils:notify", { message: "of Jupyter", type: "info", options: { autoClose: false } })"""
READ_CLIPBOARD = "navigator.clipboard.readText()"

IDS = [module for module, *_ in PLACES]
notebook_nightly = pytest.mark.parametrize(
    "place",
    [pytest.param(one, id=one[0], marks=[pytest.mark.nightly] * (one[0] == "notebook")) for one in PLACES],
    indirect=True,
    scope="module",
)
"""In JupyterLab in every run; in Notebook, which `test_labextension.py` opens, every night: it runs the same code."""


@pytest.fixture(scope="module", params=PLACES, ids=IDS)
def place(request) -> Iterator[tuple[ServerProcess, str]]:
    """A server of the application, and the path of its notebooks."""
    with ExitStack() as stack:
        if request.param[1] == "lab":
            server = stack.enter_context(ending_sessions(request.getfixturevalue("lab_server")))
            # A workspace of its own, so that JupyterLab restores no notebook of another page.
            path = "lab/workspaces/{name}/tree"
        else:
            server, path = stack.enter_context(application_server(*request.param)), "notebooks"
        (server.root / "work.ipynb").write_text(notebook(*CELLS, markdown="# Notes"))
        yield server, path


def open_work(page, place: tuple[ServerProcess, str], name: str = "work") -> None:
    server, path = place
    page.goto(f"{server.url}{path.format(name=name)}/{name}.ipynb?token={server.token}")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('notebook:run-all-cells')")
    page.locator(".jp-Notebook:visible .jp-CodeCell").first.wait_for()


@pytest.fixture(scope="module")
def work(lab_context, place) -> Iterator:
    """A notebook that has displayed two images in one cell, and text in another."""
    with lab_context.new_page() as page:
        open_work(page, place)
        run_all(page)
        wait_until_run(page)
        page.locator(BUTTON).nth(1).wait_for(state="attached")
        yield page


@pytest.fixture
def opened(work) -> Iterator:
    """The notebook without messages and dialogs of the tests before."""
    yield work
    work.keyboard.press("Escape")
    work.evaluate("document.querySelectorAll('.figserve-message').forEach((one) => one.remove())")


def choose(page, number: int, *labels: str) -> None:
    """Open the menu of a figure by its button, and choose an entry."""
    page.locator(FIGURE).nth(number).hover()
    page.locator(BUTTON).nth(number).click()
    for label in labels:
        page.locator(".lm-Menu-item:visible").get_by_text(label, exact=True).click()


def message(page, text: str):
    found = page.locator(MESSAGE, has_text=text)
    found.wait_for()
    return found


def select_cell(page, number: int) -> None:
    """Select a cell, in command mode."""
    page.locator(".jp-Notebook .jp-Cell").nth(number).locator(".jp-InputPrompt").click()
    page.keyboard.press("Escape")


def run_in_palette(page, label: str) -> None:
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill(label)
    page.locator(".lm-CommandPalette-item.lm-mod-active", has_text=label).wait_for()
    page.keyboard.press("Enter")


def read_pdf(data: bytes) -> tuple[tuple[float, ...], bytes]:
    """Return the size of a PDF's page in points, and the pixels of its image, by its table of objects."""
    start = int(data.split(b"startxref")[1].split()[0])
    assert data[start:].startswith(b"xref\n0 6\n")
    offsets = [int(line.split()[0]) for line in data[start:].splitlines()[3:8]]
    assert [data[offset:].split()[0] for offset in offsets] == [b"1", b"2", b"3", b"4", b"5"]
    box = re.search(rb"/MediaBox \[0 0 (\S+) (\S+)\]", data)
    assert box
    image = data[offsets[4] :].split(b"stream\n", 1)[1].split(b"\nendstream")[0]
    return tuple(map(float, box.groups())), zlib.decompress(image)


def read_png_size(data: bytes) -> tuple[int, int]:
    header = read_header("png", data)
    assert header
    return header.width, header.height


def shared_image(server: ServerProcess, url: str) -> bytes:
    """Return what anybody with the link sees."""
    return server.fetch(url + ".png", anonymous=True).body


@notebook_nightly
def test_each_figure_has_a_button_of_its_own(opened) -> None:
    """Also several in one output; text and tables have none. It is invisible until it is hovered or focused."""
    buttons = opened.locator(BUTTON)
    assert buttons.count() == 2
    assert buttons.first.get_attribute("aria-label").startswith("Figure menu")
    opened.mouse.move(0, 0)
    opened.wait_for_function("() => getComputedStyle(document.querySelector('.figserve-button')).opacity === '0'")
    opened.locator(FIGURE).first.hover()
    opened.wait_for_function("() => getComputedStyle(document.querySelector('.figserve-button')).opacity === '1'")


@notebook_nightly
def test_link_is_copied_and_revoked(opened, place) -> None:
    """It shows the figure of that button to anybody; pressed again, the same link is copied.

    The message stays above Jupyter's own notifications.
    """
    server, _ = place
    opened.evaluate("navigator.clipboard.writeText('')")
    choose(opened, 1, "Copy share link")
    shown = message(opened, "Link copied. It expires on")
    opened.evaluate(NOTIFY)
    own = opened.locator(".Toastify__toast", has_text="of Jupyter")
    own.wait_for()
    while (above := shown.bounding_box()) and above["y"] + above["height"] > own.bounding_box()["y"]:
        opened.evaluate("new Promise(requestAnimationFrame)")
    own.get_by_role("button").first.click()
    opened.get_by_role("button", name="Reach others…").click()
    message(opened, "c.FigServe.public_url")
    assert opened.evaluate("document.activeElement.textContent") == "Change…"
    url = opened.evaluate(READ_CLIPBOARD)
    assert shared_image(server, url) == PNGS[1]
    choose(opened, 1, "Copy share link")
    message(opened, "Link copied.")
    assert opened.evaluate(READ_CLIPBOARD) == url
    opened.get_by_role("button", name="Revoke").click()
    message(opened, "Link revoked.")
    assert server.fetch(url, anonymous=True).status == 404


@notebook_nightly
def test_keyboard_shares_with_the_pages_dialog(opened, place) -> None:
    """From the button through the menu and the dialog; the focus returns to the button, where shortcuts work."""
    server, _ = place
    opened.locator(BUTTON).first.focus()
    opened.keyboard.press("Enter")
    opened.locator(".lm-Menu-item.lm-mod-active", has_text="Copy share link").wait_for()
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("Enter")
    dialog = opened.get_by_role("dialog", name="Share")
    dialog.wait_for()
    opened.keyboard.press("Tab")
    opened.keyboard.type("for Ada")
    opened.keyboard.press("Enter")
    opened.get_by_role("heading", name="Link created").wait_for()
    opened.keyboard.press("Enter")
    dialog.get_by_text("Copied").first.wait_for(state="attached")
    assert shared_image(server, opened.evaluate(READ_CLIPBOARD)) == PNGS[0]
    opened.keyboard.press("Escape")
    opened.wait_for_function("() => document.activeElement.classList.contains('figserve-button')")
    opened.keyboard.press("Control+Shift+C")
    opened.locator(".lm-CommandPalette-input:focus").wait_for()


@notebook_nightly
def test_link_is_changed(opened, place) -> None:
    """The dialog has the link's fields."""
    server, _ = place
    choose(opened, 0, "Copy share link")
    opened.get_by_role("button", name="Change…").click()
    opened.get_by_role("dialog", name="Change link to").wait_for()
    opened.get_by_label("Label").fill("changed here")
    opened.get_by_label("Expires").select_option("never")
    opened.get_by_label("View limit").fill("5")
    opened.get_by_role("button", name="Save", exact=True).click()
    message(opened, "Link changed. Anyone with the link can open it, without an expiry.")
    links = server.fetch("figserve/api/links").json()["links"]
    assert [(link["expires"], link["views"]) for link in links if link["label"] == "changed here"] == [(None, 5)]


@notebook_nightly
def test_palette_acts_on_the_selected_cells_last_figure(opened, place) -> None:
    """Also when its outputs are collapsed. Without one, a message says what to do."""
    server, _ = place
    select_cell(opened, 0)
    opened.evaluate("window.jupyterapp.commands.execute('notebook:hide-cell-outputs')")
    opened.locator(FIGURE).first.wait_for(state="detached")
    run_in_palette(opened, "Copy share link")
    message(opened, "Link copied.")
    assert shared_image(server, opened.evaluate(READ_CLIPBOARD)) == PNGS[1]
    opened.evaluate("window.jupyterapp.commands.execute('notebook:show-cell-outputs')")
    opened.locator(BUTTON).nth(1).wait_for(state="attached")
    select_cell(opened, 1)
    run_in_palette(opened, "Copy share link")
    message(opened, "The selected cell shows no figure.")


@notebook_nightly
def test_image_is_copied_and_downloaded(opened, place) -> None:
    """As the bytes that were displayed; as a PDF of its pixels; a format that does not exist is explained."""
    with opened.expect_download() as saving:
        choose(opened, 0, "Download as…", "PNG")
    assert saving.value.path().read_bytes() == PNGS[0]
    assert saving.value.suggested_filename.endswith(".png")
    choose(opened, 0, "Copy image")
    message(opened, "Image copied.")
    assert opened.evaluate("navigator.clipboard.read().then((items) => items[0].types)") == ["image/png"]
    choose(opened, 0, "Download as…", "SVG")
    message(opened, "It was displayed as pixels. To get vector graphics, run figserve.publish(fig)")
    with opened.expect_download() as saving:
        choose(opened, 0, "Download as…", "PDF")
    assert read_pdf(saving.value.path().read_bytes()) == ((45, 30), bytes([30]) * 3 * 60 * 40)
    message(opened, "The PDF has the pixels of the displayed image.")


@notebook_nightly
def test_context_menu_opens_the_figures_page(opened) -> None:
    """In a new tab, which cannot reach back."""
    opened.locator(FIGURE).first.locator("img").click(button="right")
    with opened.context.expect_page() as opening:
        opened.locator(".lm-Menu-item:visible").get_by_text("Open figure page").click()
    opening.value.wait_for_url("**/figserve/figures/*")
    opening.value.get_by_role("heading", name="Versions").wait_for()
    assert opening.value.evaluate("window.opener") is None
    opening.value.close()


@notebook_nightly
def test_panel_searches_and_drags_into_markdown(opened, place) -> None:
    """A figure dropped on a Markdown cell becomes its image there; the keyboard inserts it below the selected cell."""
    server, _ = place
    server.fetch(
        "figserve/api/figures?name=bears&alt=Bears+[1]",
        method="POST",
        body=PNGS[0],
        headers={"Content-Type": "image/png"},
    )
    run_in_palette(opened, "Figures panel")
    opened.get_by_role("searchbox", name="Search figures").fill("bear")
    opened.wait_for_function("() => document.querySelectorAll('.figserve-cards li').length === 1")
    card = opened.locator(".figserve-cards a")
    assert "bears" in card.inner_text()
    assert "/figserve/figures/" in card.get_attribute("href")
    card.drag_to(opened.locator(".jp-MarkdownCell"))
    shown = opened.locator(".jp-MarkdownCell img[alt='Bears [1]']")
    shown.wait_for()
    select_cell(opened, 1)
    opened.get_by_role("button", name="Insert bears into the notebook").focus()
    opened.keyboard.press("Enter")
    shown.nth(1).wait_for()
    # A path, which stays valid when the server's port changes.
    assert opened.locator(".jp-Cell").nth(2).locator("img").get_attribute("src").startswith("/figserve/figures/")
    opened.get_by_role("searchbox", name="Search figures").fill("wolf")
    opened.get_by_text("No figures match your search.").wait_for()


@notebook_nightly
def test_server_without_the_extension_is_explained(opened, place) -> None:
    """The message says what is missing, and what to do."""
    opened.route("**/figserve/api/**", lambda route: route.fulfill(status=404, body="<html>", content_type="text/html"))
    choose(opened, 0, "Copy share link")
    message(opened, "No link was created. This server does not run the jupyter_figserve extension")
    opened.unroute("**/figserve/api/**")


@notebook_nightly
def test_reopened_notebook_publishes_its_own_bytes(lab_page, place) -> None:
    """In all its formats; nothing is captured there; on plain HTTP, which has neither a digest nor a clipboard API."""
    page, (server, _) = lab_page, place
    data = {"image/png": SHOWN[1], "image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg'/>"}
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    file = json.loads(notebook("draw()"))
    file["cells"][0] |= {"execution_count": 7, "outputs": [output]}
    (server.root / "old.ipynb").write_text(json.dumps(file))
    page.add_init_script(PLAIN_HTTP)
    open_work(page, place, "old")
    page.locator(BUTTON).wait_for(state="attached")
    choose(page, 0, "Copy share link")
    message(page, "Link copied.")
    (record,) = server.fetch("figserve/api/figures?notebook=old.ipynb").json()["figures"]
    digest = hashlib.sha256(PNGS[1]).hexdigest()
    assert (record["name"], record["representations"][0]["digest"]) == (f"cell-7-{digest[:8]}", digest)
    assert [part["mimetype"] for part in record["representations"]] == list(data)
    page.evaluate("document.execCommand = () => false")
    choose(page, 0, "Copy share link")
    address = page.get_by_label("Address of the link")
    assert shared_image(server, address.input_value()) == PNGS[1]
    page.wait_for_function("value => document.activeElement.value === value", arg=address.input_value())


BOKEH = "application/vnd.bokehjs_exec.v0+json"
BOKEH_SCRIPT = (
    f'const docs_json = {{"d": {{"version": "{metadata.version("bokeh")}", "roots": []}}}};'
    'const render_items = [{"docid": "d", "roots": {"p1": "e1"}}];'
)
DRAWN_ELSEWHERE = [
    {"data": {"text/html": '<div data-root-id="p1"></div>'}, "metadata": {}},
    {"data": {BOKEH: "", "application/javascript": BOKEH_SCRIPT}, "metadata": {BOKEH: {"id": "p1"}}},
    {
        "data": {"image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg'/>"},
        "metadata": {"image/svg+xml": {"isolated": True}},
    },
]
"""Figures of Bokeh, whose script draws into the output before its own, and of R, whose SVG is a document of its own."""


TRUSTED = """() => {
  for (const { model } of window.jupyterapp.shell.currentWidget?.content.widgets ?? []) model.trusted = true;
  return document.querySelector(".jp-OutputArea iframe");
}"""


@notebook_nightly
def test_figures_drawn_elsewhere_have_their_menu_where_they_are(lab_page, place) -> None:
    """That of Bokeh's script in the output before it, with the pixels of its canvases; that of R above its frame.

    Shared from a notebook that was only reopened, the plot of Bokeh has a page and a thumbnail.
    """
    page, (server, _) = lab_page, place
    file = json.loads(notebook("draw()"))
    file["cells"][0]["outputs"] = [{"output_type": "display_data", **output} for output in DRAWN_ELSEWHERE]
    (server.root / "drawn.ipynb").write_text(json.dumps(file))
    open_work(page, place, "drawn")
    page.wait_for_function(TRUSTED)
    page.wait_for_function("() => document.querySelectorAll('.figserve-button').length === 2")
    page.evaluate(
        """() => {
          const tree = document.querySelector("[data-root-id]").attachShadow({ mode: "open" });
          tree.innerHTML = "<canvas width=40 height=20></canvas>";
          tree.firstChild.getContext("2d").fillRect(0, 0, 40, 20);
        }"""
    )
    with page.expect_download() as saving:
        choose(page, 0, "Download as…", "PDF")
    assert read_pdf(saving.value.path().read_bytes()) == ((30, 15), bytes(40 * 20 * 3))
    choose(page, 0, "Copy share link")
    message(page, "Link copied.")
    (record,) = server.fetch("figserve/api/figures?notebook=drawn.ipynb").json()["figures"]
    assert [part["mimetype"] for part in record["representations"]] == ["text/html"]
    thumbnail = server.fetch("figserve/" + record["thumbnail"].partition("/figserve/")[2])
    assert read_png_size(thumbnail.body) == (320, 160)
    page.locator("iframe").click(button="right")
    page.locator(".lm-Menu-item:visible").get_by_text("Copy share link", exact=True).wait_for()


HTML_OUTPUTS = [
    "<p>text</p>", "<table><tr><td>1</td></tr></table>", "<svg></svg>", '<svg class="icon"></svg>', '<img src="x.png">',
    "<table></table><canvas></canvas>", "<div></div><script>draw()</script>", "<script>draw()</script>", "<b>1</b>",
    '<div></div><script type="application/json">{}</script>', "<iframe srcdoc='<p>'></iframe>", "x < y", "",
]  # fmt: skip
VALUES = [{"b": [1, 2.5, 1e21, 1e-7, -0.0], "a": {"ü": "\u2028\n", "é": None, "z": True}, "10": [], "2": {}}, [], 0.1]


@notebook_nightly
def test_helpers_compute_what_the_server_computes(work, place) -> None:
    """Digests without crypto.subtle, canonical JSON, whether HTML is a figure, and thumbnails of what is drawn."""
    sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1_000]
    found = work.evaluate(
        """async ([sizes, values, pages]) => {
          const { baseUrl } = window.jupyterapp.serviceManager.serverSettings;
          const folder = `${baseUrl}lab/extensions/jupyter_figserve/static/`;
          const { makeThumbnail } = await import(folder + "conversions.js");
          const box = document.body.appendChild(document.createElement("div"));
          box.innerHTML = "<canvas width=640 height=400></canvas>";
          const thumbnail = await makeThumbnail({ displayed: { images: {}, html: "" }, node: box });
          const none = await makeThumbnail({ displayed: { images: {}, html: "" }, node: document.createElement("p") });
          box.remove();
          const { sha256Bytes } = await import(folder + "sha256.js");
          const { canonicalJson, chooseName, showsFigure } = await import(folder + "displayed_figure.js");
          const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
          return {
            digests: sizes.map((size) => hex(sha256Bytes(Uint8Array.from({length: size}, (_, i) => i % 251)))),
            texts: values.map(canonicalJson), figures: pages.map(showsFigure),
            thumbnail, none,
            names: [chooseName(3, 1, "abcdefghij"), chooseName(3, 2, "abcdefghij"), chooseName(null, 1, "abcdefghij")],
          };
        }""",
        [sizes, VALUES, HTML_OUTPUTS],
    )
    assert found["digests"] == [hashlib.sha256(bytes(i % 251 for i in range(size))).hexdigest() for size in sizes]
    assert found["texts"] == [canonical_json(value).decode() for value in VALUES]
    assert (read_png_size(base64.b64decode(found["thumbnail"])), found["none"]) == ((320, 200), None)
    assert found["figures"] == [parse_html(text).is_figure for text in HTML_OUTPUTS]
    assert found["names"] == ["cell-3-abcdefgh", "cell-3-2-abcdefgh", "plot-abcdefgh"]
