"""Renders over HTTP: requests, responses, errors, publishing, authorization and rate limits."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import zipfile
from urllib.parse import unquote, urlencode

import pytest

from jupyter_figserve.errors import CodeFailed, DeadlineExceeded, NoFigure, SandboxUnavailable, Unavailable
from jupyter_figserve.model.rendering import DrawOptions, RenderResult
from jupyter_figserve.sandbox.fake import LIBRARIES, draw

from ....png_header import png_size
from ....waiting import until
from ...raw import connect

CODE = "import matplotlib.pyplot as plt; plt.plot([1, 2])"
FAILED = CodeFailed(
    "division by <zero>", kind="ZeroDivisionError", line=3, traceback='File "code", line 3', output="so far\n"
)


def failing(error: Exception, *, but_cards: bool = False):
    def answer(job):
        if but_cards and job.kind == "card":
            return draw(job)
        raise error

    return answer


class TestPicture:
    async def test_json_gives_an_image(self, owner, renderer):
        """The fields reach the job unchanged; the image has its security policy and is not cached."""
        fields = {"format": "png", "width": 300, "height": 200, "dpi": 50, "style": "ggplot", "transparent": True}
        answer = await owner.post("/api/renders", {"code": CODE, **fields, "tight": True, "timeout": 5, "figure": 2})
        assert (answer.status, answer.mimetype, png_size(answer.body)) == (200, "image/png", (300, 200))
        assert answer.headers["Cache-Control"] == "private, no-store"
        (job,) = renderer.jobs
        assert job.options == DrawOptions("png", 300, 200, 50.0, "ggplot", True, True)
        assert (job.kind, job.source, job.timeout, job.figure, job.seed) == ("code", CODE.encode(), 5.0, 2, None)

    async def test_plain_code_with_a_query_gives_an_image(self, owner, renderer):
        """The body is the code in UTF-8, and the query has the other fields."""
        query = {"format": "svg", "width": "300", "transparent": "true", "timeout": "20s", "_": "1"}
        body = "print('ä')".encode()
        answer = await owner.ask("POST", "/api/renders", body, {"Content-Type": "text/x-python"}, **query)
        assert (answer.status, answer.mimetype) == (200, "image/svg+xml")
        (job,) = renderer.jobs
        assert job.options == DrawOptions("svg", 300, transparent=True)
        assert (job.source, job.timeout) == (body, 20.0)

    async def test_request_of_curl_is_parsed_as_json(self, owner):
        """``curl -d`` declares any body as a form."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await owner.ask("POST", "/api/renders", json.dumps({"code": CODE}).encode(), form)).status == 200
        assert (await owner.ask("POST", "/api/renders", b"code=1", form)).status == 415

    @pytest.mark.parametrize(
        ("accept", "mimetype"),
        [
            ("image/svg+xml", "image/svg+xml"),
            ("application/pdf, image/png;q=0.5", "application/pdf"),
            ("image/webp;q=0.2, image/jpeg;q=0.9", "image/jpeg"),
            ("text/html, image/*;q=0.8, */*;q=0.1", "image/png"),
            ("image/svg+xml;q=0", "image/png"),
            ("", "image/png"),
        ],
    )
    async def test_accept_chooses_the_format(self, owner, accept, mimetype):
        """By weight, unless a format is given."""
        answer = await owner.ask("POST", "/api/renders", {"code": CODE}, {"Accept": accept})
        assert answer.mimetype == mimetype

    async def test_a_named_format_beats_accept(self, owner):
        """And jpeg is jpg."""
        answer = await owner.ask("POST", "/api/renders", {"code": CODE, "format": "jpeg"}, {"Accept": "image/png"})
        assert answer.mimetype == "image/jpeg"

    async def test_output_comes_in_a_header_that_nothing_can_split(self, owner, renderer):
        """Percent-encoded, cut at 800 characters, and never within an escape."""
        renderer.answer = lambda job: RenderResult(_image(job), output="ä\r\nSet-Cookie: a=b\n" + "é" * 5_000)
        answer = await owner.post("/api/renders", {"code": CODE})
        header = answer.headers["X-FigServe-Output"]
        assert len(header) <= 800
        # By default, nginx answers 502 to more than 4 kB of headers.
        assert sum(len(name) + len(value) + 4 for name, value in answer.headers.items()) < 4_000 - 800 - 950
        assert unquote(header, errors="strict").startswith("ä\r\nSet-Cookie: a=b\né")
        assert "a=b" not in str(answer.headers.get_list("Set-Cookie"))

    async def test_warnings_come_in_a_header_and_in_json(self, owner, renderer):
        """One per line, percent-encoded; also from the cache; absent when there are none."""
        assert "X-FigServe-Warnings" not in (await owner.post("/api/renders", {"code": CODE})).headers
        warnings = ("Missing glyphs: 中.", "second")
        renderer.answer = lambda job: RenderResult(_image(job), warnings=warnings)
        for _ in range(2):
            answer = await owner.post("/api/renders", {"code": CODE, "seed": 1})
            assert unquote(answer.headers["X-FigServe-Warnings"]).split("\n") == list(warnings)
            result = await owner.ask("POST", "/api/renders", {"code": CODE, "seed": 1}, {"Accept": "application/json"})
            assert result.json()["warnings"] == list(warnings)

    async def test_json_form_has_everything(self, owner):
        """With ``Accept: application/json``, in the given format."""
        answer = await owner.ask(
            "POST", "/api/renders", {"code": CODE, "width": 30, "height": 20}, {"Accept": "application/json"}
        )
        result = answer.json()
        assert png_size(base64.b64decode(result["data"])) == (result["width"], result["height"]) == (30, 20)
        assert (result["output"], result["title"], result["libraries"]) == ("drawn\n", "A drawing", LIBRARIES)
        both = await owner.ask("POST", "/api/renders", {"code": CODE}, {"Accept": "application/json, image/svg+xml"})
        assert both.json()["mimetype"] == "image/svg+xml"

    async def test_all_figures_are_a_zip(self, owner):
        """Numbered, and identical for equal figures; or a list in JSON."""
        wish = {"code": CODE, "figure": "all", "format": "svg"}
        answer = await owner.post("/api/renders", wish)
        assert answer.mimetype == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.body)) as file:
            assert file.namelist() == ["figure-1.svg", "figure-2.svg", "figure-3.svg"]
            assert file.read("figure-2.svg").startswith(b"<svg")
        assert (await owner.post("/api/renders", wish)).body == answer.body
        result = await owner.ask("POST", "/api/renders", wish, {"Accept": "application/json"})
        assert len(result.json()["figures"]) == 3


def _image(job):
    from jupyter_figserve.sandbox.fake import draw

    return draw(job).images


class TestInvalidValues:
    INVALID = (
        ("format", "../x"),
        ("format", "svg\r\nX: y"),
        ("format", "PNG"),
        ("format", "exe"),
        ("format", "html"),
        ("format", 1),
        ("width", 0),
        ("width", -1),
        ("width", 1.5),
        ("width", True),
        ("width", "x"),
        ("width", [1]),
        ("dpi", 0),
        ("dpi", 1e6),
        ("dpi", "nan"),
        ("dpi", "1e3"),
        ("style", "../x"),
        ("style", ""),
        ("transparent", "perhaps"),
        ("figure", -1),
        ("figure", "every"),
        ("timeout", 61),
        ("timeout", 0),
        ("timeout", "1d"),
        ("timeout", "x"),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", "x"),
        ("errors", "html"),
        ("name", "../x"),
        ("keep", 3),
    )

    async def test_R18_R35_invalid_value_is_named(self, owner, renderer):
        """400 with the field, its value and the allowed values; no job runs."""
        for field, value in self.INVALID:
            answer = await owner.post("/api/renders", {"code": CODE, field: value})
            assert answer.status == 400, (field, value)
            assert answer.json()["error"].startswith(f"{field}="), (field, value)
        assert renderer.jobs == []

    async def test_R14_request_without_code_is_invalid(self, owner, renderer):
        """An empty body, invalid JSON, no object, no text, and half a character."""
        for body in (b"", b"{", b"[]", b"{}", b'{"code": ""}', b'{"code": 1}', b'{"code": "\\ud800"}'):
            answer = await owner.ask("POST", "/api/renders", body, {"Content-Type": "application/json"})
            assert answer.status == 400, body
        assert renderer.jobs == []

    async def test_unknown_fields_are_rejected(self, owner):
        """In the body and in the query; the error lists the allowed ones."""
        for query, body in (({}, {"colour": 1}), ({"colour": 1}, {})):
            answer = await owner.ask("POST", "/api/renders", {"code": CODE, **body}, **query)
            assert answer.status == 400
            assert "colour" in answer.json()["error"]
            assert "transparent" in answer.json()["error"]

    async def test_R19_too_many_pixels_are_rejected_before_anything_runs(self, owner, renderer):
        """413 for a side and for an area."""
        for size in ({"width": 12_000, "height": 12_000}, {"height": 10**9}):
            answer = await owner.post("/api/renders", {"code": CODE, **size})
            assert (answer.status, answer.code) == (413, "too_many_pixels")
        assert renderer.jobs == []

    async def test_other_encodings_and_types_are_rejected(self, owner):
        """A body that is not UTF-8 is 400, another type 415."""
        assert (await owner.ask("POST", "/api/renders", b"\xe4", {"Content-Type": "text/x-python"})).status == 400
        assert (await owner.ask("POST", "/api/renders", b"x", {"Content-Type": "image/png"})).status == 415

    @pytest.mark.parametrize("field", ["name", "collection", "notebook"])
    async def test_name_without_keep_is_rejected(self, owner, field):
        """It would have no effect, like a place; and all figures cannot be published as one."""
        answer = await owner.post("/api/renders", {"code": CODE, field: "x"})
        assert (answer.status, answer.json()["error"]) == (
            400,
            f"{field} is for figures that are kept; add keep=true.",
        )
        assert (await owner.post("/api/renders", {"code": CODE, "keep": True, "figure": "all"})).status == 400


class TestLimits:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"render_code_bytes": 100, "render_timeout": 2.0, "render_timeout_max": 3.0, "render_pixels": 1_000}

    async def test_the_traits_bound_requests(self, owner, renderer):
        """Code, time and pixels; the error names the trait."""
        for wish, trait in (
            ({"code": "#" * 101}, "render_code_bytes"),
            ({"code": "#" * 50_000}, "render_code_bytes"),
            ({"code": CODE, "width": 40, "height": 30}, "render_pixels"),
        ):
            answer = await owner.post("/api/renders", wish)
            assert (answer.status, f"FigServe.{trait}" in answer.json()["error"]) == (413, True)
        assert (await owner.post("/api/renders", {"code": CODE, "timeout": 4})).status == 400
        assert (await owner.post("/api/renders", {"code": CODE})).status == 200
        assert [job.timeout for job in renderer.jobs] == [2.0]

    async def test_code_counts_in_bytes_and_not_as_json_writes_it(self, owner):
        """Its size is counted without JSON's escapes."""
        assert (await owner.post("/api/renders", {"code": "é" * 50})).status == 200


class TestErrors:
    async def test_an_error_of_the_code_is_told_with_its_trace(self, owner, renderer):
        """422 with type, message, line, traceback and output."""
        renderer.answer = failing(FAILED)
        answer = await owner.post("/api/renders", {"code": CODE})
        assert answer.status == 422
        assert answer.json() == {
            "error": "division by <zero>",
            "code": "code_failed",
            "type": "ZeroDivisionError",
            "message": "division by <zero>",
            "line": 3,
            "traceback": 'File "code", line 3',
            "output": "so far\n",
        }

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (NoFigure("It drew no figure."), 422),
            (DeadlineExceeded("Too long.", retry_after=1), 504),
            (SandboxUnavailable("There is no seccomp.", retry_after=600), 503),
        ],
    )
    async def test_other_errors_have_their_status(self, owner, renderer, error, status):
        """And their error codes."""
        renderer.answer = failing(error)
        answer = await owner.post("/api/renders", {"code": CODE})
        assert (answer.status, answer.code) == (status, error.code)

    @pytest.mark.parametrize("where", ["body", "query"])
    async def test_a_card_of_the_error(self, owner, renderer, where):
        """``errors=image`` returns an SVG with escaped text, SVG's policy and the same status."""
        renderer.answer = failing(FAILED)
        asked = {"errors": "image", "format": "svg"}
        wish, query = (asked, {}) if where == "body" else ({}, asked)
        answer = await owner.ask("POST", "/api/renders", {"code": CODE, **wish}, **query)
        assert (answer.status, answer.mimetype) == (422, "image/svg+xml")
        assert "division by &lt;zero&gt;" in answer.text
        assert "ZeroDivisionError in line 3" in answer.text
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-FigServe-Error"] == "code_failed"

    async def test_a_wrong_value_is_a_card_too(self, owner):
        """Before any job runs; an unknown format gives SVG."""
        answer = await owner.ask("POST", "/api/renders", {"code": CODE, "width": 0}, errors="image")
        assert (answer.status, answer.mimetype) == (400, "image/png")
        answer = await owner.ask("POST", "/api/renders", {"code": CODE, "format": "bmp"}, errors="image")
        assert (answer.status, answer.mimetype) == (400, "image/svg+xml")

    @pytest.mark.parametrize(
        ("fields", "mimetype"),
        [
            ({}, "image/png"),
            ({"format": "jpeg"}, "image/jpeg"),
            ({"format": "webp"}, "image/webp"),
            ({"format": "svgz"}, "image/svg+xml"),
            ({"format": "pdf"}, "application/pdf"),
            ({"format": "eps"}, "application/postscript"),
            ({"format": "avif"}, "image/avif"),
            ({"format": "gif"}, "image/gif"),
            ({"format": "tiff"}, "image/tiff"),
        ],
    )
    async def test_error_image_has_the_requested_format(self, owner, renderer, fields, mimetype):
        """It is rendered in the sandbox from data, and cached; SVG is written, and compressed for svgz."""
        renderer.answer = failing(FAILED, but_cards=True)
        for _ in range(2):
            answer = await owner.post("/api/renders", {"code": CODE, "errors": "image", **fields})
            assert (answer.status, answer.mimetype) == (422, mimetype)
            assert answer.headers["X-FigServe-Error"] == "code_failed"
            assert answer.headers["Cache-Control"] == "private, no-store"
            assert answer.headers.get("Content-Encoding") == ("gzip" if fields == {"format": "svgz"} else None)
        cards = [json.loads(job.source) for job in renderer.jobs if job.kind == "card"]
        drawn = {"heading": "ZeroDivisionError in line 3", "lines": ["division by <zero>"]}
        assert cards == ([] if mimetype == "image/svg+xml" else [drawn])

    @pytest.mark.parametrize(
        ("error", "is_drawn"),
        [
            (DeadlineExceeded("Too long.", retry_after=1), True),
            (Unavailable("Too many.", retry_after=1), False),
            (SandboxUnavailable("There is no seccomp.", retry_after=600), False),
        ],
    )
    async def test_busy_server_responds_with_an_svg(self, owner, renderer, error, is_drawn):
        """When the queue is full or the sandbox is missing, the card is SVG, with its type."""
        renderer.answer = failing(error, but_cards=True)
        answer = await owner.post("/api/renders", {"code": CODE, "errors": "image"})
        assert (answer.status, answer.mimetype) == (
            504 if is_drawn else 503,
            "image/png" if is_drawn else "image/svg+xml",
        )
        assert answer.headers["Retry-After"]

    async def test_failed_error_image_is_an_svg(self, owner, renderer):
        """The SVG shows the original error."""
        renderer.answer = failing(FAILED)
        answer = await owner.post("/api/renders", {"code": CODE, "errors": "image"})
        assert [job.kind for job in renderer.jobs] == ["code", "card"]
        assert (answer.status, answer.mimetype) == (422, "image/svg+xml")
        assert "division by &lt;zero&gt;" in answer.text


class TestSame:
    async def test_seeded_render_is_cached(self, owner, renderer):
        """The second request runs no job; a known ETag gets 304."""
        wish = {"code": CODE, "seed": 7}
        first = await owner.post("/api/renders", wish)
        second = await owner.post("/api/renders", wish)
        assert (first.headers["Cache-Status"], second.headers["Cache-Status"]) == (
            "figserve; fwd=miss",
            "figserve; hit",
        )
        assert first.body == second.body
        assert unquote(second.headers["X-FigServe-Output"]) == "drawn\n"
        fresh = await owner.ask("POST", "/api/renders", wish, {"If-None-Match": first.headers["ETag"]})
        assert (fresh.status, fresh.body) == (304, b"")
        assert len(renderer.jobs) == 1

    async def test_every_option_is_part_of_the_cache_key(self, owner, renderer):
        """Code, options, seed and libraries are in the cache key."""
        for change in ({}, {"seed": 8}, {"width": 10}, {"code": CODE + " "}, {"figure": 1}, {"format": "svg"}):
            await owner.post("/api/renders", {"code": CODE, "seed": 7, **change})
        assert len(renderer.jobs) == 6
        renderer.status = type(renderer.status)("FULL", (), {"matplotlib": "4.0"})
        await owner.post("/api/renders", {"code": CODE, "seed": 7})
        assert len(renderer.jobs) == 7

    async def test_without_a_seed_each_request_renders(self, owner, renderer):
        """Each request for random numbers gets its own image."""
        for _ in range(2):
            await owner.post("/api/renders", {"code": CODE})
        assert len(renderer.jobs) == 2

    async def test_concurrent_equal_requests_share_a_job(self, owner, renderer, context):
        """All clients get the image, even if the first one disconnects."""
        renderer.gate.clear()
        body = json.dumps({"code": CODE, "seed": 1}).encode()
        async with connect(owner.prefix) as first:
            await first.send_head("POST", "/api/renders", {**owner.headers, "Content-Length": str(len(body))})
            await first.send(body)
            await asyncio.wait_for(renderer.begun.wait(), 20)
            others = [asyncio.ensure_future(owner.ask("POST", "/api/renders", body)) for _ in range(3)]
            await until(lambda: context.rendering.waiters == 4)
        renderer.gate.set()
        answers = await asyncio.gather(*others)
        assert [answer.status for answer in answers] == [200] * 3
        assert len(renderer.jobs) == 1
        assert renderer.cancelled == []

    async def test_failure_is_cached_for_a_minute(self, owner, renderer, clock):
        """A render that fails runs at most once a minute."""
        renderer.answer = failing(FAILED)
        for _ in range(3):
            assert (await owner.post("/api/renders", {"code": CODE, "seed": 1})).status == 422
        assert len(renderer.jobs) == 1
        clock.advance(61)
        await owner.post("/api/renders", {"code": CODE, "seed": 1})
        assert len(renderer.jobs) == 2


async def test_R32_a_client_that_goes_away_frees_its_slot(owner, renderer, context):
    """Its job is cancelled, and none is left running or waiting."""
    renderer.gate.clear()
    body = json.dumps({"code": "while True: pass"}).encode()
    async with connect(owner.prefix) as connection:
        await connection.send_head("POST", "/api/renders", {**owner.headers, "Content-Length": str(len(body))})
        await connection.send(body)
        await asyncio.wait_for(renderer.begun.wait(), 20)
        assert context.rendering.queue.running == 1
    await until(lambda: renderer.cancelled)
    assert context.rendering.queue.running == 0


class TestKeep:
    async def test_image_becomes_a_figure(self, owner, context, renderer):
        """201 with its record; the code is its source, and links show it."""
        answer = await owner.post("/api/renders", {"code": CODE, "keep": True, "name": "sales", "seed": 3})
        assert answer.status == 201
        record = answer.json()
        assert (record["name"], record["title"], record["alt"]) == ("sales", "A drawing", "A line.")
        assert (record["origin"], record["redrawable"]) == ("render", True)
        assert answer.headers["Location"] == record["url"]
        source = (await context.store.figures.get(record["id"])).version.source
        assert (source.kind, context.store.blobs.find(source.digest)) == ("code", CODE.encode())
        link = await owner.share(record)
        assert png_size((await owner.get(link["image_url"])).body) == (640, 480)
        assert record["thumbnail"] is not None

    async def test_keeping_again_makes_a_new_version(self, owner, renderer):
        """Under the same links; an equal image makes none."""
        wish = {"code": CODE, "keep": True, "name": "sales"}
        first = (await owner.post("/api/renders", wish)).json()
        assert (await owner.post("/api/renders", wish)).json()["version"] == 1
        changed = (await owner.post("/api/renders", {**wish, "width": 50})).json()
        assert (changed["id"], changed["version"]) == (first["id"], 2)

    async def test_without_a_name_it_is_called_after_its_title(self, owner):
        """As with publishing."""
        assert (await owner.post("/api/renders", {"code": CODE, "keep": True})).json()["name"] == "A-drawing"

    @pytest.mark.parametrize("place", [{"collection": "nightly"}, {"notebook": "reports/sales.ipynb"}])
    async def test_it_belongs_to_the_named_place(self, owner, stranger, make_key, place):
        """As with publishing: the same figure for each key, and another one than elsewhere."""
        wish = {"code": CODE, "keep": True, "name": "load"}
        elsewhere = (await owner.post("/api/renders", wish)).json()
        first = (await owner.post("/api/renders", wish | place)).json()
        other = stranger.with_key(await make_key("render", "publish"))
        again = await other.ask(
            "POST",
            f"/api/renders?{urlencode(place)}&keep=1&name=load&width=50",
            CODE,
            {"Content-Type": "text/x-python"},
        )
        assert (again.json()["id"], again.json()["version"]) == (first["id"], 2)
        assert first["id"] != elsewhere["id"]
        assert first | place == first
        listed = (await owner.get("/api/figures", **place)).json()["figures"]
        assert [one["id"] for one in listed] == [first["id"]]

    @pytest.mark.parametrize(
        ("place", "code"),
        [
            ({"collection": "a", "notebook": "b.ipynb"}, "two_places"),
            ({"collection": "a/b"}, "invalid_name"),
            ({"notebook": "../b.ipynb"}, "invalid_notebook"),
        ],
    )
    async def test_an_invalid_place_is_rejected(self, owner, renderer, place, code):
        """Before anything is rendered."""
        answer = await owner.post("/api/renders", {"code": CODE, "keep": True, **place})
        assert (answer.status, answer.code, renderer.jobs) == (400, code, [])

    async def test_other_sizes_are_rendered_from_the_code(self, owner, renderer):
        """With the original seed and figure number."""
        wish = {"code": CODE, "keep": True, "seed": 3, "figure": 2, "style": "ggplot"}
        record = (await owner.post("/api/renders", wish)).json()
        renderer.jobs.clear()
        answer = await owner.get(f"/figures/{record['id']}.png", width=800, height=600)
        assert png_size(answer.body) == (800, 600)
        (job,) = [job for job in renderer.jobs if job.options.format == "png"]
        assert (job.kind, job.source, job.seed, job.figure) == ("code", CODE.encode(), 3, 2)
        assert job.options.style == "ggplot"

    async def test_what_is_not_requested_stays_as_it_was_rendered(self, owner, renderer):
        """A tight, transparent image of 300 dpi stays so in other formats and styles."""
        wish = {"code": CODE, "keep": True, "tight": True, "transparent": True, "dpi": 300}
        record = (await owner.post("/api/renders", wish)).json()
        renderer.jobs.clear()
        for query in ({"style": "ggplot"}, {"style": "ggplot", "dpi": 50}):
            assert (await owner.get(f"/figures/{record['id']}.png", **query)).status == 200
        (first, second) = [job.options for job in renderer.jobs if job.options.format == "png"]
        assert (first.tight, first.transparent, first.dpi, first.style) == (True, True, 300, "ggplot")
        assert (second.tight, second.transparent, second.dpi, second.style) == (True, True, 50, "ggplot")

    @pytest.mark.parametrize(
        ("asked", "query", "size"),
        [
            ({"width": 333}, {"style": "ggplot"}, (333, None)),
            ({"width": 333, "height": 111}, {"style": "ggplot"}, (333, 111)),
            ({"width": 333, "height": 111}, {"width": 666}, (666, 222)),
            ({"width": 333, "height": 111}, {"height": 55}, (165, 55)),
            ({"width": 333, "height": 111}, {"width": 50, "height": 60}, (50, 60)),
            ({"width": 333}, {"height": 55}, (None, 55)),
            # The fake renderer's image has 100 dpi.
            ({"width": 333, "dpi": 100}, {"dpi": 200}, (666, None)),
            ({}, {"dpi": 200}, (None, None)),
        ],
    )
    async def test_size_of_the_render_is_that_of_its_other_images(self, owner, renderer, asked, query, size):
        """In other styles and resolutions; a requested side keeps the proportions."""
        record = (await owner.post("/api/renders", {"code": CODE, "keep": True, **asked})).json()
        renderer.jobs.clear()
        assert (await owner.get(f"/figures/{record['id']}.png", **query)).status == 200
        options = renderer.jobs[-1].options
        assert (options.width, options.height) == size

    async def test_size_of_the_render_is_that_of_its_vector_images(self, owner, renderer, finish_source_checks):
        """So is that of the SVG for screens with more pixels, or they would show another picture."""
        await owner.post("/api/renders", {"code": CODE, "keep": True, "width": 333, "height": 111, "dpi": 200})
        await finish_source_checks()
        sizes = {(job.options.format, job.options.width, job.options.height) for job in renderer.jobs}
        assert ("svg", 333, 111) in sizes

    async def test_other_sizes_show_the_same_without_a_seed_too(self, owner, renderer, finish_source_checks):
        """A seed is chosen and stored; the SVG and all sizes use it."""
        for _ in range(2):
            await owner.post("/api/renders", {"code": CODE, "keep": True})
        record = (await owner.get("/api/figures")).json()["figures"][0]
        await owner.get(f"/figures/{record['id']}.png", width=77)
        await finish_source_checks()
        first, second = (job.seed for job in renderer.jobs if job.with_thumbnail)
        assert first is not None
        assert first != second
        assert {job.seed for job in renderer.jobs if not job.with_thumbnail} <= {first, second}

    async def test_a_key_needs_the_scope_to_publish(self, stranger, make_key):
        """The scope render does not allow storing figures."""
        client = stranger.with_key(await make_key("render"))
        answer = await client.post("/api/renders", {"code": CODE, "keep": True})
        assert (answer.status, answer.code) == (403, "scope_missing")
        both = stranger.with_key(await make_key("render", "publish"))
        assert (await both.post("/api/renders", {"code": CODE, "keep": True})).status == 201


class TestSimpleContract:
    async def test_code_becomes_a_png(self, stranger, make_key, renderer):
        """``{"code": …}`` with a key in the header."""
        client = stranger.with_key(await make_key("render"))
        answer = await client.post("/render-matplotlib", {"code": CODE})
        assert (answer.status, answer.mimetype) == (200, "image/png")
        assert renderer.jobs[0].options == DrawOptions()

    async def test_failure_is_500_with_the_trace(self, owner, renderer):
        """For an error of the code, and for code without a figure."""
        renderer.answer = failing(FAILED)
        answer = await owner.post("/render-matplotlib", {"code": CODE})
        assert (answer.status, answer.json()["traceback"]) == (500, 'File "code", line 3')
        assert answer.json()["error"] == "division by <zero>"
        renderer.answer = failing(NoFigure("It drew no figure."))
        answer = await owner.post("/render-matplotlib", {"code": CODE})
        assert (answer.status, answer.json()["traceback"]) == (500, "It drew no figure.")

    async def test_malformed_is_400_and_a_stranger_401(self, owner, stranger):
        """No code, an unknown field, no credential."""
        for body in ({}, {"code": ""}, {"code": 1}, {"code": CODE, "format": "svg"}):
            assert (await owner.post("/render-matplotlib", body)).status == 400
        assert (await owner.ask("POST", "/render-matplotlib", {"code": CODE}, dpi=7)).status == 400
        assert (await stranger.post("/render-matplotlib", {"code": CODE})).status == 401


ROUTES = ("/api/renders", "/api/renders/url", "/render-matplotlib")


@pytest.mark.parametrize("path", ROUTES)
class TestR36:
    async def test_R36_only_a_good_key_with_the_scope_renders(self, owner, stranger, make_key, renderer, clock, path):
        """All invalid keys get 401 with one message; another scope gets 403."""
        good = await make_key("render")
        expired = await make_key("render", expires=clock() - 1)
        revoked = (await owner.post("/api/keys", {"scopes": ["render"]})).json()
        assert (await stranger.with_key(revoked["key"]).post(path, {"code": CODE})).status in (200, 201)
        assert (await owner.ask("DELETE", f"/api/keys/{revoked['id']}")).status == 204
        renderer.jobs.clear()
        texts = set()
        for headers in (
            {"X-API-Key": "fsk_aaaaaaaa_" + "A" * 43},
            {"X-API-Key": good[:-1]},
            {"X-API-Key": ""},
            {"X-API-Key": expired},
            {"X-API-Key": revoked["key"]},
            {"Authorization": "Bearer "},
            {"Authorization": f"Bearer {revoked['key']}"},
        ):
            answer = await stranger.ask("POST", path, {"code": CODE}, headers)
            assert answer.status == 401
            texts.add(answer.text)
        assert len(texts) == 1
        for name in ("key", "api_key", "X-API-Key", "token"):
            assert (await stranger.ask("POST", path, {"code": CODE}, **{name: good})).status == 401
        other = stranger.with_key(await make_key("read", "publish"))
        assert (await other.post(path, {"code": CODE})).status == 403
        assert renderer.jobs == []
        assert (await stranger.with_key(good).post(path, {"code": CODE})).status in (200, 201)
        bearer = await stranger.ask("POST", path, {"code": CODE}, {"Authorization": f"Bearer {good}"})
        assert bearer.status in (200, 201)

    async def test_R37_a_cookie_alone_renders_nothing(self, browser, renderer, path):
        """403 without ``_xsrf``; with it, the request is that of our own pages."""
        answer = await browser.post(path, {"code": CODE})
        assert (answer.status, answer.code) == (403, "xsrf_missing")
        assert renderer.jobs == []
        assert (await browser.with_headers(X_XSRFToken=browser.xsrf).post(path, {"code": CODE})).status in (200, 201)

    async def test_R38_another_sites_page_renders_nothing(self, browser, stranger, make_key, renderer, path):
        """A foreign Origin gets 404, with a key and with a cookie."""
        key = stranger.with_key(await make_key("render"))
        for client in (key, browser.with_headers(X_XSRFToken=browser.xsrf)):
            answer = await client.with_headers(Origin="https://evil.example").post(path, {"code": CODE})
            assert answer.status == 404
        assert renderer.jobs == []


class TestRate:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"rate_limit": "2/hour"}

    async def test_each_key_has_its_own_rate(self, stranger, owner, make_key, renderer):
        """Beyond it 429 with Retry-After; another key and the login are not affected."""
        client = stranger.with_key(await make_key("render"))
        other = stranger.with_key(await make_key("render"))
        for _ in range(2):
            assert (await client.post("/api/renders", {"code": CODE})).status == 200
        refused = await client.post("/api/renders", {"code": CODE})
        assert (refused.status, refused.code) == (429, "too_many_renders")
        assert 0 < int(refused.headers["Retry-After"]) <= 3601
        assert (await client.post("/render-matplotlib", {"code": CODE})).status == 429
        assert (await other.post("/api/renders", {"code": CODE})).status == 200
        assert (await owner.post("/api/renders", {"code": CODE})).status == 200
        assert len(renderer.jobs) == 4


class TestR33:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"render_jobs": 2, "render_queue": 3, "rate_limit": ""}

    async def test_R33_past_the_queue_is_503_and_links_are_served_meanwhile(self, owner, stranger, renderer, context):
        """Two run, three wait, 45 get Retry-After; a link's image is still served."""
        link = await owner.share(await owner.publish())
        renderer.gate.clear()
        loops = [
            asyncio.ensure_future(owner.post("/api/renders", {"code": f"while True: pass  # {n}"})) for n in range(50)
        ]
        for count, done in enumerate(asyncio.as_completed(loops), 1):
            answer = await done
            assert (answer.status, answer.code) == (503, "queue_full")
            assert int(answer.headers["Retry-After"]) >= 1
            if count == 45:
                break
        assert (await stranger.get(link["image_url"])).status == 200
        assert (context.rendering.queue.running, context.rendering.queue.waiting) == (2, 3)
        renderer.gate.set()
        answers = await asyncio.gather(*loops)
        assert sorted(answer.status for answer in answers) == [200] * 5 + [503] * 45
        assert (context.rendering.queue.running, context.rendering.queue.waiting) == (0, 0)
