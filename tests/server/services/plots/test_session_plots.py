"""Plots of a session by name: published, captured and file plots, listed and served."""

from __future__ import annotations

import os

import pytest

from jupyter_figserve.errors import NotFound
from jupyter_figserve.model.figures import sha256_hex

from ...making import MadeSession, make_session
from ...sample_images import EPS, HTML, JPG, PDF, SAMPLES, SVG, SVGZ, WEBP, png


@pytest.fixture
def session(context, jp_asyncio_loop) -> MadeSession:
    return jp_asyncio_loop.run_until_complete(make_session(context))


@pytest.fixture
def kernel(stranger, make_key, session, jp_asyncio_loop):
    """A client with the key of the session's kernel."""
    return stranger.with_key(jp_asyncio_loop.run_until_complete(make_key("read", "publish", kernel=session.id)))


async def listed(client, session: str = "a-session") -> list[dict]:
    answer = (await client.get(f"/plots/{session}")).json()
    assert answer["session"] == "a-session"
    return answer["plots"]


class TestList:
    async def test_all_three_kinds_newest_first(self, owner, kernel, session, clock):
        """Each with path, URL, type, size, time and origin."""
        session.drop("sub/x.svg", SVG)
        os.utime(session.directory / "sub" / "x.svg", (clock.now, clock.now))
        clock.advance(1)
        session.show(png())
        clock.advance(1)
        figure = await kernel.publish("sales")
        plots = await listed(owner)
        assert [(p["path"], p["origin"], p["figure"], p["version"]) for p in plots] == [
            ("sales.png", "published", figure["id"], 1),
            ("cell-1.png", "captured", None, 1),
            ("sub/x.svg", "file", None, None),
        ]
        assert [(p["mimetype"], p["size"]) for p in plots] == [
            ("image/png", len(png())),
            ("image/png", len(png())),
            ("image/svg+xml", len(SVG)),
        ]
        assert plots[0]["created"] > plots[1]["created"] > plots[2]["created"]
        for plot in plots:
            answer = await owner.get(plot["url"])
            assert (answer.status, answer.mimetype, len(answer.body)) == (200, plot["mimetype"], plot["size"])

    async def test_equal_paths_are_listed_once(self, owner, kernel, session):
        """With the precedence of serving: published, captured, file."""
        session.drop("cell-1.png", png(grey=1))
        session.drop("sales.png", png(grey=2))
        session.show(png(grey=3))
        await kernel.publish("sales", png(grey=4))
        assert {p["path"]: p["origin"] for p in await listed(owner)} == {
            "sales.png": "published",
            "cell-1.png": "captured",
        }
        assert (await owner.get("/plots/a-session/cell-1.png")).body == png(grey=3)
        assert (await owner.get("/plots/a-session/sales.png")).body == png(grey=4)

    async def test_types_outside_the_table_are_left_out(self, owner, session):
        """Other files in the directory are not listed."""
        for name in ("x.txt", "x.py", "x.bmp", "x", "png", "x.PNG.exe"):
            session.drop(name, png())
        assert await listed(owner) == []

    async def test_all_representations_of_a_figure(self, owner, kernel, session):
        """Each with its suffix; figures of other sessions are missing."""
        from ...sample_images import multipart

        body, headers = multipart({"name": "both"}, ("image/png", png()), ("image/svg+xml", SVG))
        assert (await kernel.ask("POST", "/api/figures", body, headers)).status == 201
        await owner.publish("another")
        assert sorted(p["path"] for p in await listed(owner)) == ["both.png", "both.svg"]

    async def test_many_pages_of_figures(self, owner, kernel, session, monkeypatch):
        """The list is complete."""
        monkeypatch.setattr("jupyter_figserve.server.services.plots.session_plots._PAGE_SIZE", 2)
        for number in range(5):
            await kernel.publish(f"figure {number}")
        assert len(await listed(owner)) == 5

    async def test_a_later_sessions_version_is_not_this_ones(self, owner, stranger, kernel, session, context, make_key):
        """A session shows its own version, even if another made a newer one."""
        context.kernels._paths.find = lambda _: _always("a.ipynb")
        await kernel.publish("sales", png(grey=1))
        await make_session(context, "later")
        later = stranger.with_key(await make_key("publish", kernel="later"))
        assert (await later.publish("sales", png(grey=2)))["version"] == 2
        assert (await owner.get("/plots/a-session/sales.png")).body == png(grey=1)
        assert (await owner.get("/plots/later/sales.png")).body == png(grey=2)
        assert [p["version"] for p in await listed(owner)] == [1]

    async def test_for_other_parts_of_the_server(self, context, session):
        """The service returns the same list as values."""
        session.show(png())
        (plot,) = await context.plots.list("a-session")
        assert (plot.path, plot.origin, plot.size) == ("cell-1.png", "captured", len(png()))
        with pytest.raises(NotFound):
            await context.plots.list("unknown")


async def _always(value: str) -> str:
    return value


class TestSessionIds:
    async def test_unknown_sessions(self, owner):
        """404 as JSON, for the list and for a plot."""
        for path in ("/plots/unknown", "/plots/unknown/x.png", "/api/sessions/unknown/last"):
            answer = await owner.get(path)
            assert (answer.status, answer.code) == (404, "session_not_found")

    async def test_here_is_the_session_of_the_kernel_that_asks(self, owner, kernel, session):
        """Other callers get 404."""
        session.show(png())
        assert [p["path"] for p in await listed(kernel, "here")] == ["cell-1.png"]
        assert (await kernel.get("/plots/here/cell-1.png")).body == png()
        assert (await owner.get("/plots/here")).code == "session_not_found"

    async def test_another_owners_session_is_unknown(self, owner, context, stranger, make_key):
        """It is 404 on all routes, except for an admin."""
        made = await make_session(context, "hers", owner="alice")
        made.show(png())
        client = stranger.with_key(await make_key("read", "publish"))
        unknown = (await client.get("/plots/unknown")).body
        for path in ("/plots/hers", "/plots/hers/cell-1.png", "/api/sessions/hers/last"):
            answer = await client.get(path)
            assert (answer.status, answer.body) == (404, unknown)
        refused = await client.post("/api/sessions/hers/figures", {"path": "cell-1.png"})
        assert (refused.status, refused.body) == (404, unknown)
        assert (await owner.get("/api/sessions")).json()["sessions"] == []
        assert (await client.get("/api/sessions")).json()["sessions"] == []
        admin = stranger.with_key(await make_key("read", "admin"))
        for who in (owner, admin):
            assert (await who.get("/plots/hers/cell-1.png")).status == 200
        assert len((await admin.get("/api/sessions")).json()["sessions"]) == 1

    @pytest.mark.kernel
    async def test_jupyters_session_id(self, jupyter, owner, context):
        """It names its kernel's session, also for a while after the session's end."""
        session = await jupyter.session("a.ipynb")
        kernel = session["kernel"]["id"]
        await jupyter.run(kernel, f"import jupyter_figserve as f\nf.publish({png()!r}, 'sales')")
        for known in (session["id"], kernel):
            answer = (await owner.get(f"/plots/{known}")).json()
            assert (answer["session"], [p["path"] for p in answer["plots"]]) == (kernel, ["sales.png"])
            assert (await owner.get(f"/plots/{known}/sales.png")).body == png()
        await jupyter.ask("DELETE", f"sessions/{session['id']}")
        assert (await owner.get(f"/plots/{session['id']}/sales.png")).body == png()


class TestBytes:
    @pytest.mark.parametrize("format", SAMPLES)
    async def test_files_of_every_format(self, owner, session, format):
        """With the type of the format table, and with alternative suffixes."""
        mimetype, data = SAMPLES[format]
        session.drop(f"x.{format}", data)
        answer = await owner.get(f"/plots/a-session/x.{format}")
        assert (answer.status, answer.body) == (200, data)
        assert answer.mimetype == ("image/svg+xml" if format == "svgz" else mimetype)
        assert answer.headers["Content-Disposition"] == f"inline; filename=\"x.{format}\"; filename*=UTF-8''x.{format}"
        assert answer.headers["Cache-Control"] == "private, no-cache"

    @pytest.mark.parametrize("name", ["x.jpeg", "X.JPG", "x.Jpg"])
    async def test_other_spellings_of_a_suffix(self, owner, session, name):
        """Suffixes may be in upper case."""
        session.drop(name, JPG)
        assert (await owner.get(f"/plots/a-session/{name}")).mimetype == "image/jpeg"
        assert [p["path"] for p in await listed(owner)] == [name]

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("x.png", b"<script>"), ("x.png", SVG), ("x.svg", png()), ("x.jpg", WEBP), ("x.pdf", EPS), ("x.png", b""),
            ("x.svgz", SVG), ("x.html", b"\x00\x01"), ("x.webp", SVGZ), ("x.eps", PDF), ("x.svg", HTML),
        ],
    )  # fmt: skip
    async def test_a_file_that_is_not_what_its_name_says_is_rejected(self, owner, session, name, data):
        """Its first bytes do not fit the suffix."""
        session.drop(name, data)
        answer = await owner.get(f"/plots/a-session/{name}")
        assert (answer.status, answer.code) == (415, "type_mismatch")
        assert data == b"" or data not in answer.body
        # The list does not decode texts.
        assert name.endswith((".svg", ".html", ".webp")) or await listed(owner) == []

    async def test_other_suffixes_are_rejected(self, owner, session):
        """415 for a file of another type, 404 for a missing one."""
        session.drop("x.txt", b"secret")
        assert (await owner.get("/plots/a-session/x.txt")).status == 415
        assert (await owner.get("/plots/a-session/y.txt")).status == 404

    @pytest.mark.parametrize("path", ["cell-1.png", "x.png", "sales.png"])
    async def test_head_range_and_not_modified(self, owner, kernel, session, path):
        """They work for all three origins."""
        session.show(png())
        session.drop("x.png", png())
        await kernel.publish("sales")
        whole = await owner.get(f"/plots/a-session/{path}")
        assert whole.body == png()
        head = await owner.head(f"/plots/a-session/{path}")
        assert (head.body, head.headers["Content-Length"]) == (b"", str(len(png())))
        assert head.headers["ETag"] == whole.headers["ETag"]
        part = await owner.get(f"/plots/a-session/{path}", {"Range": "bytes=1-3"})
        assert (part.status, part.body) == (206, b"PNG")
        assert part.headers["Content-Range"] == f"bytes 1-3/{len(png())}"
        assert (await owner.get(f"/plots/a-session/{path}", {"Range": "bytes=9999-"})).status == 416
        same = await owner.get(f"/plots/a-session/{path}", {"If-None-Match": whole.headers["ETag"]})
        assert (same.status, same.body) == (304, b"")

    async def test_etag_changes_with_the_plot(self, owner, session):
        """The ETag of a captured plot is its digest."""
        tags = []
        for grey in range(2):
            session.show(png(grey=grey), display_id="a")
            session.drop("x.png", png(grey=grey))
            tags.append(
                [(await owner.get(f"/plots/a-session/{path}")).headers["ETag"] for path in ("cell-1.png", "x.png")]
            )
        assert tags[1][0] == f'"{sha256_hex(png(grey=1))}"'
        assert not set(tags[0]) & set(tags[1])

    async def test_not_modified_reads_no_file(self, owner, session, monkeypatch):
        """The file system's metadata is the ETag."""
        session.drop("x.png", png())
        tag = (await owner.get("/plots/a-session/x.png")).headers["ETag"]
        monkeypatch.setattr(
            "jupyter_figserve.server.services.plots.safe_files.read_beneath", lambda *_: pytest.fail("read")
        )
        assert (await owner.get("/plots/a-session/x.png", {"If-None-Match": tag})).status == 304

    async def test_a_file_that_is_being_written(self, owner, session, monkeypatch):
        """503 rather than half an image."""
        from jupyter_figserve.server.services.plots import safe_files

        file, stat = session.drop("x.png", png()), safe_files.stat_beneath

        def meanwhile(*arguments):
            found = stat(*arguments)
            file.write_bytes(png(grey=1)[:20])
            return found

        monkeypatch.setattr(safe_files, "stat_beneath", meanwhile)
        answer = await owner.get("/plots/a-session/x.png")
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "being_written", "1")

    @pytest.mark.parametrize(
        ("asked", "saved"),
        [
            ("bears", "bears.png"), ("bears.png", "bears.png"), ("Bears 2026.PNG", "Bears%202026.PNG"),
            ("x.svg", "x.svg.png"), ("1", "cell-1.png"), ("Bären", "B%C3%A4ren.png"),
        ],
    )  # fmt: skip
    async def test_download(self, owner, session, asked, saved):
        """It is saved under the requested name, with the format's suffix."""
        session.show(png())
        answer = await owner.get("/plots/a-session/cell-1.png", download=asked)
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
        assert answer.headers["Content-Disposition"].endswith(f"; filename*=UTF-8''{saved}")

    @pytest.mark.parametrize(
        "asked", ["../x", "a/b", "x\r\nSet-Cookie: a=b", 'x"; y', "\u202egnp", ".x", "con", "x" * 200]
    )
    async def test_download_names_keep_to_the_grammar(self, owner, session, asked):
        """400, and the name is in no header."""
        session.show(png())
        answer = await owner.get("/plots/a-session/cell-1.png", download=asked)
        assert (answer.status, answer.code) == (400, "invalid_name")
        assert "Content-Disposition" not in answer.headers
        assert "a=b" not in str(answer.headers)

    async def test_accesses_are_logged(self, owner, session, caplog):
        """With path and session, on one line, without secrets."""
        session.drop("x.png", png())
        with caplog.at_level("INFO"):
            await owner.get("/plots/a-session/x.png")
        (line,) = [text for text in caplog.messages if text.startswith("access ")]
        assert "/plots/a-session/x.png status=200" in line


class TestSize:
    @pytest.fixture
    def figserve_config(self):
        return {"figure_bytes": 1_000}

    async def test_a_file_beyond_the_limit_is_rejected(self, owner, session):
        """413, naming the setting."""
        session.drop("x.svg", SVG + b" " * 1_000)
        answer = await owner.get("/plots/a-session/x.svg")
        assert answer.status == 413
        assert "FigServe.figure_bytes" in answer.json()["error"]
