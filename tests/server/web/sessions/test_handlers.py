"""Sessions over HTTP: the list, the last display, and plots that become figures."""

from __future__ import annotations

import asyncio
import base64
import json
import re

import pytest

from jupyter_figserve.model.figures import MARKER, EncodedImage, sha256_hex
from jupyter_figserve.model.formats import FORMATS
from jupyter_figserve.server.services.capture.captured_display import CapturedDisplay
from jupyter_figserve.store.catalog import sessions

from ...making import MadeSession, make_session, showing
from ...sample_images import HTML, SVG, png


@pytest.fixture
def session(context, jp_asyncio_loop) -> MadeSession:
    return jp_asyncio_loop.run_until_complete(make_session(context, notebook="a.ipynb"))


@pytest.fixture
def kernel(stranger, make_key, session, jp_asyncio_loop):
    return stranger.with_key(jp_asyncio_loop.run_until_complete(make_key("read", "publish", kernel=session.id)))


class TestList:
    async def test_newest_first_with_their_counts(self, owner, context, clock, stranger, make_key):
        """With the number of figures and of captured plots, and the URL of the plots."""
        for number in range(3):
            clock.advance(1)
            made = await make_session(context, f"session-{number}", notebook=f"{number}.ipynb" if number else "")
            for cell in range(number):
                made.show(png(), cell + 1)
        await stranger.with_key(await make_key("publish", kernel="session-1")).publish()
        found = (await owner.get("/api/sessions")).json()
        assert found["next"] is None
        assert [(s["id"], s["notebook"], s["figures"], s["plots"]) for s in found["sessions"]] == [
            ("session-2", "2.ipynb", 0, 2),
            ("session-1", "1.ipynb", 1, 1),
            ("session-0", None, 0, 0),
        ]
        assert {s["kernel"] == s["id"] and s["ended"] is None for s in found["sessions"]} == {True}
        assert (await owner.get(found["sessions"][0]["url"])).json()["session"] == "session-2"

    async def test_pages(self, owner, context, clock):
        """The cursor leads through all sessions, also if two began at the same time."""
        for number in range(5):
            clock.advance(number % 2)
            await make_session(context, f"s-{number}")
        found, cursor = [], None
        while True:
            page = (await owner.get("/api/sessions", limit=2, **({"cursor": cursor} if cursor else {}))).json()
            assert len(page["sessions"]) <= 2
            found += [one["id"] for one in page["sessions"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert sorted(found) == [f"s-{number}" for number in range(5)]
        assert (await owner.get("/api/sessions", cursor="x")).code == "invalid_cursor"

    async def test_filters(self, owner, context):
        """By notebook, and running ones only."""
        for number in range(2):
            await make_session(context, f"s-{number}", notebook=f"{number}.ipynb")
        await asyncio.wrap_future(context.store.catalog.write(lambda c: sessions.end(c, "s-0", context.store.clock())))

        async def ids(**query: object) -> list[str]:
            return [one["id"] for one in (await owner.get("/api/sessions", **query)).json()["sessions"]]

        assert await ids(notebook="0.ipynb") == ["s-0"]
        assert await ids(alive=1) == ["s-1"]
        assert sorted(await ids(alive=0)) == ["s-0", "s-1"]
        assert await ids(notebook="0.ipynb", alive=1) == []

    @pytest.mark.kernel
    async def test_a_kernel_is_there_as_soon_as_it_has_started(self, jupyter, owner, context):
        """With the notebook that is set later, and without figures; after a shutdown it has ended."""
        started, ended = asyncio.Event(), asyncio.Event()
        context.kernels.on_start.append(lambda kernel, notebook: notebook == "" and started.set())
        context.kernels.on_end.append(lambda kernel, notebook: ended.set())
        session = await jupyter.session("random-word-of-a-front-end")
        await asyncio.wait_for(started.wait(), 60)
        await jupyter.ask("PATCH", f"sessions/{session['id']}", {"path": "a.ipynb"})
        (one,) = (await owner.get("/api/sessions")).json()["sessions"]
        assert (one["id"], one["notebook"], one["ended"]) == (session["kernel"]["id"], "a.ipynb", None)
        assert (await owner.get("/api/status")).json()["counts"]["sessions"] == 1
        await jupyter.ask("DELETE", f"sessions/{session['id']}")
        await asyncio.wait_for(ended.wait(), 60)
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: None))
        (one,) = (await owner.get("/api/sessions")).json()["sessions"]
        assert one["ended"] is not None
        assert (await owner.get("/api/status")).json()["counts"]["sessions"] == 0


class TestLast:
    async def test_last_displayed_image(self, owner, session):
        """The newest captured plot, even if other plots were published or written later."""
        session.show(png())
        session.show(SVG, 2, "svg")
        session.drop("x.png", png())
        answer = (await owner.get("/api/sessions/a-session/last")).json()
        assert (answer["path"], answer["origin"]) == ("cell-2.svg", "captured")

    async def test_nothing_yet(self, owner, session):
        """404, with advice."""
        answer = await owner.get("/api/sessions/a-session/last")
        assert (answer.status, answer.code) == (404, "nothing_captured")

    async def test_the_mark_is_waited_for(self, kernel, session, context):
        """The response comes after all earlier displays."""
        asked = asyncio.ensure_future(kernel.get("/api/sessions/here/last", mark="m"))
        subscription = context.capture._subscriptions["a-session"]
        while not subscription._mark_waiters:
            await asyncio.sleep(0)
        session.show(png())
        subscription._record_mark("m")
        assert (await asked).json()["path"] == "cell-1.png"

    async def test_a_mark_that_does_not_come_is_given_up(self, kernel, session, monkeypatch):
        """An older plot is never taken for the last one."""
        monkeypatch.setattr("jupyter_figserve.server.web.sessions.handlers._MARK_TIMEOUT_SECONDS", 0.01)
        session.show(png())
        answer = await kernel.get("/api/sessions/here/last", mark="never")
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "display_pending", "1")

    async def test_failures_are_reported(self, owner, session):
        """In place of an older plot; the next one is the last again."""
        session.show(png())
        session.buffer.add_not_kept(("execution", "x", 1), "A map was displayed last.")
        answer = await owner.get("/api/sessions/a-session/last")
        assert (answer.status, answer.code, answer.json()["error"]) == (
            409,
            "display_not_kept",
            "A map was displayed last.",
        )
        session.show(png(grey=1), 2)
        assert (await owner.get("/api/sessions/a-session/last")).json()["path"] == "cell-2.png"

    async def test_a_published_figure_that_was_displayed_last(self, owner, kernel, session):
        """It is the last one until it is deleted; another owner's is none."""
        record = await kernel.publish("sales")
        session.show(png())
        session.buffer.add_published(record["id"])
        last = (await owner.get("/api/sessions/a-session/last")).json()
        assert (last["path"], last["origin"], last["figure"]) == ("sales.png", "published", record["id"])
        await owner.delete(f"/api/figures/{record['id']}")
        assert (await owner.get("/api/sessions/a-session/last")).code == "figure_deleted"

    async def test_html_is_shown_in_a_sandboxed_frame(self, owner, stranger, session):
        """Scripts run in the frame of a page alone, whose address is signed; programs get the document, inert."""
        session.buffer.add(("execution", "r", 1), "r", CapturedDisplay(FORMATS["html"], HTML), 1.0)
        page = await owner.get("/plots/a-session/plot.html", headers={"Accept": "text/html"})
        assert HTML not in page.body
        (address,) = re.findall(r'<iframe[^>]* src="([^"]*/frame/[^"]+)"[^>]* sandbox="allow-scripts"', page.text)
        path = "/frame/" + address.rpartition("/")[2]
        frame = await stranger.get(path, headers={"Sec-Fetch-Dest": "iframe"})
        assert frame.body.startswith(HTML)
        assert "sandbox allow-scripts" in frame.headers["Content-Security-Policy"]
        assert (await stranger.get(path[:-8] + "xxx.html")).status == 404
        raw = await owner.get("/plots/a-session/plot.html", headers={"Accept": "*/*"})
        assert raw.body == HTML
        assert "script-src" not in raw.headers["Content-Security-Policy"]


class TestKeep:
    async def test_a_captured_plot_becomes_a_figure(self, owner, kernel, session, context, stranger):
        """In the session's notebook, with a derived name; it outlives the session."""
        session.show(png())
        answer = await owner.post("/api/sessions/a-session/figures", {"path": "cell-1.png"})
        record = answer.json()
        assert answer.status == 201
        assert answer.headers["Location"] == record["url"]
        assert record["name"] == f"cell-1-{sha256_hex(png())[:8]}"
        assert (record["notebook"], record["session"], record["origin"]) == ("a.ipynb", "a-session", "captured")
        (part,) = record["representations"]
        assert (part["width"], part["height"], part["mimetype"]) == (4, 3, "image/png")
        link = await owner.share(record)
        context.kernels.on_kernel_ended("a-session")
        assert (await owner.get("/plots/a-session/cell-1.png")).status == 404
        assert (await stranger.get(link["image_url"])).body == png()

    async def test_a_captured_image_has_no_data_and_says_so(self, owner, session):
        """Its record advises to publish the figure; the note of a link that would show data says that there is none."""
        session.show(png())
        record = (await owner.post("/api/sessions/a-session/figures", {"path": "cell-1.png"})).json()
        assert record["limitation"].startswith("It is a captured image, not the figure itself. With figserve.publish(")
        shared = await owner.share(record, data=True)
        assert shared["note"].startswith(f"Viewers find no data: the figure has none. {record['limitation']}")
        assert "Viewers find no data" not in (await owner.share(record, code=True))["note"]
        refused = await owner.get(f"/api/figures/{record['id']}/data")
        assert (refused.status, refused.code) == (409, "no_data")
        assert record["limitation"] in refused.json()["error"]

    async def test_an_interactive_capture_may_have_data(self, owner, session):
        """A link to it promises nothing that is missing."""
        display = CapturedDisplay(FORMATS["html"], b'{"data":[{"y":[1,2.5]}],"layout":{}}', "plotly")
        session.buffer.add(("execution", "r", 1), "r", display, 1.0)
        record = (await owner.post("/api/sessions/a-session/figures", {"path": "plot.html"})).json()
        assert "Viewers find no data" not in ((await owner.share(record, data=True))["note"] or "")

    async def test_by_the_digest_of_what_was_displayed(self, owner, session):
        """Of the bytes of an image, and of a figure's canonical JSON."""
        session.show(png())
        figure = {"layout": {}, "data": [{"y": [1.0, 2.5]}]}
        display = CapturedDisplay(FORMATS["html"], json.dumps(figure).encode(), "plotly")
        session.buffer.add(("execution", "r", 1), "r", display, 1.0)
        keep = "/api/sessions/a-session/figures"
        kept = await owner.post(keep, {"digest": sha256_hex(png())})
        assert (kept.status, kept.json()["representations"][0]["mimetype"]) == (201, "image/png")
        kept = await owner.post(keep, {"digest": sha256_hex(b'{"data":[{"y":[1,2.5]}],"layout":{}}')})
        assert (kept.status, kept.json()["representations"][0]["mimetype"]) == (201, "text/html")
        unknown = await owner.post(keep, {"digest": "0" * 64})
        assert (unknown.status, unknown.code) == (404, "not_captured")
        for body in ({}, {"digest": "x"}, {"digest": 3}, {"digest": "0" * 64, "path": "cell-1.png"}):
            assert (await owner.post(keep, body)).status in (400, 404)

    async def test_an_interactive_plot_keeps_its_document_image_and_alt_text(self, owner, session):
        """The document contains the library."""
        still = EncodedImage("image/png", png())
        data = b'{"data":[],"layout":{"title":{"text":"</script>"}}}'
        display = CapturedDisplay(FORMATS["html"], data, "plotly", others=(still,), alt="Bears")
        session.buffer.add(("execution", "r", 1), "r", display, 1.0)
        (plot,) = (await owner.get("/plots/a-session")).json()["plots"]
        assert (plot["path"], plot["alt"], plot["still"].rpartition("/")[2]) == ("plot.html", "Bears", "plot.png")
        assert (await owner.get("/plots/a-session/plot.png")).body == png()
        record = (await owner.post("/api/sessions/a-session/figures", {"path": "plot.html"})).json()
        assert ([part["mimetype"] for part in record["representations"]], record["alt"]) == (
            ["text/html", "image/png"],
            "Bears",
        )
        page = (await owner.get(f"/figures/{record['id']}.html")).body
        assert b"Plotly.newPlot" in page
        assert page.count(b"</script>") == 2

    async def test_browser_sends_the_thumbnail_of_an_interactive_plot(self, owner, session):
        """As a PNG in base64; anything else is refused, and an image needs none."""
        add = session.buffer.add
        add(("execution", "r", 1), "r", CapturedDisplay(FORMATS["html"], HTML), 1.0)
        session.show(png())
        keep, small = "/api/sessions/a-session/figures", base64.b64encode(png(grey=9)).decode()
        kept = (await owner.post(keep, {"path": "plot.html", "thumbnail": small})).json()
        assert (await owner.get(kept["thumbnail"])).body == png(grey=9)
        assert (await owner.post(keep, {"path": "cell-1.png", "thumbnail": small})).json()["thumbnail"] is None
        for bad in (3, "", "é", "AAA", base64.b64encode(SVG).decode()):
            assert (await owner.post(keep, {"path": "plot.html", "thumbnail": bad})).status in (400, 415)

    async def test_same_image_is_the_same_figure_when_its_cell_runs_again(self, owner, session):
        """The number of the cell differs, and the link stays; another image is another figure."""
        keep = "/api/sessions/a-session/figures"
        kept = [(await owner.post(keep, {"path": session.show(png(), cell)})).json() for cell in (1, 2)]
        assert (kept[0]["id"], kept[1]["version"]) == (kept[1]["id"], 1)
        other = (await owner.post(keep, {"path": session.show(png(grey=1), 3)})).json()
        assert other["id"] != kept[0]["id"]

    async def test_title_is_that_of_the_library_or_of_the_cell(self, owner, session):
        """Of the code of a cell with one figure; the name keeps the figures of a notebook apart."""
        add = session.buffer.add
        session.buffer.namer.begin_cell("r", 1, "s", "plt.title('Bears')")
        add(("execution", "r", 1), "r", CapturedDisplay(FORMATS["png"], png()), 1.0)
        add(("execution", "x", 1), "x", CapturedDisplay(FORMATS["html"], HTML, title="Deer"), 1.0)
        keep = "/api/sessions/a-session/figures"
        listed = {one["path"]: one["title"] for one in (await owner.get("/plots/a-session")).json()["plots"]}
        assert listed == {"cell-1.png": "Bears", "plot.html": "Deer"}
        kept = (await owner.post(keep, {"path": "cell-1.png"})).json()
        assert (kept["title"], kept["name"]) == ("Bears", f"cell-1-{sha256_hex(png())[:8]}")
        assert (await owner.post(keep, {"path": "plot.html"})).json()["title"] == "Deer"
        assert (await owner.post(keep, {"path": "plot.html", "title": "Wolves"})).json()["title"] == "Wolves"
        add(("execution", "r", 2), "r", CapturedDisplay(FORMATS["png"], png(grey=1)), 1.0)
        assert (await owner.post(keep, {"path": "cell-1-2.png"})).json()["title"] == ""

    async def test_plot_keeps_all_its_formats(self, owner, session):
        """A PNG that was displayed with an SVG: both are served by name, and both are in the figure."""
        svg = EncodedImage("image/svg+xml", SVG)
        session.buffer.add(("execution", "r", 1), "r", CapturedDisplay(FORMATS["png"], png(), others=(svg,)), 1.0)
        session.buffer.flush()
        (plot,) = (await owner.get("/plots/a-session")).json()["plots"]
        assert (plot["path"], plot["mimetype"], plot["still"]) == ("plot.png", "image/png", None)
        assert [address.rpartition("/")[2] for address in plot["others"]] == ["plot.svg"]
        assert (await owner.get("/plots/a-session/plot.svg")).body == SVG
        kept = await owner.post("/api/sessions/a-session/figures", {"digest": sha256_hex(png())})
        assert [part["mimetype"] for part in kept.json()["representations"]] == ["image/png", "image/svg+xml"]
        assert (await owner.get(f"/figures/{kept.json()['id']}.svg")).body == SVG

    async def test_kept_plot_has_the_code_of_its_cell(self, owner, session):
        """As a published figure has it: without secrets, and on its page; an image outside any cell has none."""
        session.buffer.namer.begin_cell("r", 1, "s", 'api_key = "sk-0123456789abcdef0123"\nplt.plot(bears)')
        for shade, request in enumerate(("r", "callback")):
            display = CapturedDisplay(FORMATS["png"], png(grey=shade))
            session.buffer.add(("execution", request, 1), request, display, 1.0)
        paths = [one["path"] for one in (await owner.get("/plots/a-session")).json()["plots"]]
        records = [(await owner.post("/api/sessions/a-session/figures", {"path": one})).json() for one in sorted(paths)]
        code = await owner.get(f"/api/figures/{records[0]['id']}/versions/1/code")
        assert "plt.plot(bears)" in code.text
        assert "0123456789abcdef" not in code.text
        assert "plt.plot(bears)" in (await owner.get(f"/figures/{records[0]['id']}", {"Accept": "text/html"})).text
        assert (await owner.get(f"/api/figures/{records[1]['id']}/versions/1/code")).status == 404

    async def test_list_shows_kept_versions(self, owner, session):
        """A captured plot has the id of its figure until it is displayed again."""
        session.show(png(), display_id="d")
        record = (await owner.post("/api/sessions/a-session/figures", {"path": "cell-1.png"})).json()

        async def captured() -> dict[str, object]:
            plots = (await owner.get("/plots/a-session")).json()["plots"]
            return next(plot for plot in plots if plot["path"] == "cell-1.png")

        assert (await captured())["figure"] == record["id"]
        session.show(png(5, 5), display_id="d")
        assert (await captured())["figure"] is None

    async def test_a_file_becomes_a_figure(self, owner, session):
        """Under its own name, so that publishing it again makes a version."""
        for version in (1, 2):
            session.drop("sub/my plot.svg", SVG + b" " * version)
            record = (await owner.post("/api/sessions/a-session/figures", {"path": "sub/my plot.svg"})).json()
            assert (record["name"], record["version"], record["origin"]) == ("my-plot", version, "file")

    async def test_title_alt_and_name(self, owner, session):
        """As with publishing: the name, else the title, else the plot's own name."""
        session.show(png())
        path = {"path": "cell-1.png"}
        named = await owner.post("/api/sessions/a-session/figures", path | {"name": "bears", "title": "T", "alt": "A"})
        assert [named.json()[word] for word in ("name", "title", "alt")] == ["bears", "T", "A"]
        titled = await owner.post("/api/sessions/a-session/figures", path | {"title": "All bears"})
        assert titled.json()["name"] == "All-bears"

    async def test_the_same_again_makes_no_version(self, owner, session):
        """Also when the figure has replaced the plot under its path."""
        session.show(png())
        for _ in range(2):
            made = await owner.post("/api/sessions/a-session/figures", {"path": "cell-1.png", "name": "cell-1"})
            assert made.json()["version"] == 1
        session.show(png(grey=1), 2)
        made = await owner.post("/api/sessions/a-session/figures", {"path": "cell-2.png", "name": "cell-1"})
        assert made.json()["version"] == 2

    async def test_a_figure_of_the_same_path_is_passed_over(self, owner, kernel, session):
        """The captured plot is published, not the figure under its path."""
        session.show(png(grey=1))
        await kernel.publish("cell-1", png(grey=2))
        record = (await owner.post("/api/sessions/a-session/figures", {"path": "cell-1.png", "name": "x"})).json()
        assert record["representations"][0]["digest"] == sha256_hex(png(grey=1))

    async def test_the_next_sessions_cell_is_another_figure(self, owner, session, context):
        """A link to this session's third cell does not change with that of the next session."""
        names = set()
        for number in range(2):
            made = await make_session(context, f"s-{number}", notebook="a.ipynb")
            made.show(png(grey=number), 3)
            record = (await owner.post(f"/api/sessions/s-{number}/figures", {"path": "cell-3.png"})).json()
            assert record["version"] == 1
            names.add(record["name"])
        assert len(names) == 2

    async def test_another_servers_session_is_left_alone(self, owner, context, session, stranger, make_key):
        """Publishing its plot neither ends the session nor revokes its key."""
        key = await make_key("read", kernel=session.id)
        session.show(png())
        assert (await owner.post("/api/sessions/a-session/figures", {"path": "cell-1.png"})).status == 201
        await context.kernels.sweep()
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: None))
        assert sessions.find(context.store.catalog.reader, session.id).ended is None
        assert (await stranger.with_key(key).get("/api/figures")).status == 200

    async def test_without_a_notebook_it_is_the_sessions(self, owner, context):
        """As with publishing from a kernel without a notebook."""
        made = await make_session(context, "bare")
        made.show(png())
        record = (await owner.post("/api/sessions/bare/figures", {"path": "cell-1.png", "name": "x"})).json()
        assert (record["notebook"], record["session"]) == (None, "bare")

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 404), ({"path": None}, 404), ({"path": 3}, 400), ({"path": "../x.png"}, 404), ({"path": "x.png"}, 404),
            ({"path": "evil.png"}, 415), ({"path": "cell-1.png", "name": "../x"}, 400),
            ({"path": "cell-1.png", "name": 3}, 400), ({"path": "cell-1.png", "title": "x" * 1_000}, 400),
            ({"path": "cell-1.png", "owner": "alice"}, 400), ({"path": "html.svg"}, 415),
        ],
    )  # fmt: skip
    async def test_unwritable_directory(self, owner, session, body, status):
        """No figure is published."""
        session.show(png())
        session.drop("evil.png", b"<script>")
        session.drop("html.svg", HTML)
        answer = await owner.post("/api/sessions/a-session/figures", body)
        assert answer.status == status, answer.text
        assert (await owner.get("/api/figures")).json()["figures"] == []

    async def test_who_may(self, owner, browser, stranger, session, make_key):
        """A login with ``_xsrf`` or a key with the scope publish, by POST only."""
        session.show(png())
        address, body = "/api/sessions/a-session/figures", {"path": "cell-1.png"}
        assert (await stranger.post(address, body)).status == 401
        assert (await browser.post(address, body)).code == "xsrf_missing"
        assert (await stranger.with_key(await make_key("read")).post(address, body)).code == "scope_missing"
        assert (await owner.get(address)).status == 405
        assert (await owner.get("/api/figures")).json()["figures"] == []
        assert (await browser.with_headers(**{"X-XSRFToken": browser.xsrf}).post(address, body)).status == 201
        assert (await stranger.with_key(await make_key("publish")).post(address, body)).status == 201

    async def test_quota(self, owner, session, context):
        """A full owner gets 507, as with publishing."""
        from dataclasses import replace

        from jupyter_figserve.model.quotas import Quota

        context.store.figures.limits = replace(context.store.limits, owner_quota=Quota(figures=1))
        for cell in (1, 2):
            session.show(png(grey=cell), cell)
        statuses = [
            (await owner.post("/api/sessions/a-session/figures", {"path": f"cell-{cell}.png"})).status
            for cell in (1, 2)
        ]
        assert statuses == [201, 507]


@pytest.mark.compat
@pytest.mark.kernel
async def test_the_whole_way_in_a_real_kernel(jupyter, owner, stranger, context):
    """Displayed, written and published plots in one session; the last one is shared."""
    kernel = (await jupyter.session("a.ipynb"))["kernel"]["id"]
    await jupyter.run(kernel, f"import jupyter_figserve as f\nf.publish({png()!r}, 'own')")
    await jupyter.run(kernel, showing(png(grey=1)) + f"\n(f.plots_dir() / 'x.svg').write_text({SVG.decode()!r})")
    code = "last = f.last()\nlink = last.share('1h', title='Bears')\nimport json"
    code += "\nprint(json.dumps([last.path, last.url, link.image_url(), last.publish('b').name]))"
    path, url, image, name = json.loads(await jupyter.run(kernel, code))
    assert (path, name) == ("cell-2.png", "b")
    assert (await owner.get(url)).body == png(grey=1)
    assert (await stranger.get(image)).body == png(grey=1)
    plots = (await owner.get(f"/plots/{kernel}")).json()["plots"]
    assert sorted((p["path"], p["origin"]) for p in plots) == [
        ("Bears.png", "published"), ("b.png", "published"), ("cell-2.png", "captured"), ("own.png", "published"),
        ("x.svg", "file"),
    ]  # fmt: skip


async def test_marks_of_others_reach_nothing(owner, session, context):
    """A display with our marker but no mark resolves no waiting request."""
    subscription = context.capture._subscriptions["a-session"]
    waiting = asyncio.ensure_future(subscription.wait_for_mark("m", 0.05))
    subscription._handle(
        {
            "parent_header": {},
            "header": {"msg_type": "display_data"},
            "content": {"data": {}, "metadata": {MARKER: {"figure": "m"}}},
        }
    )
    assert not await waiting


async def test_notebook_without_a_kernel_is_moved(owner, stranger, make_key):
    """With its links, to its new path or below a new directory; other owners' notebooks of the same path stay."""
    ann = owner.with_key(await make_key("publish", "read", owner="ann"))
    figure, other = await owner.publish(notebook="old/a.ipynb"), await ann.publish(notebook="old/a.ipynb")
    link = await owner.share(figure)
    assert (await owner.post("/api/notebooks/move", {"from": "old", "to": "new/place"})).json() == {"moved": 1}
    assert (await owner.get(f"/api/figures/{figure['id']}")).json()["notebook"] == "new/place/a.ipynb"
    assert (await ann.get(f"/api/figures/{other['id']}")).json()["notebook"] == "old/a.ipynb"
    assert (await stranger.get(link["image_url"])).status == 200
    again = await owner.publish(notebook="new/place/a.ipynb")
    assert again["id"] == figure["id"]
    for body in ({"from": "x"}, {"from": "", "to": "y"}, {"from": 1, "to": "y"}):
        assert (await owner.post("/api/notebooks/move", body)).status == 400
