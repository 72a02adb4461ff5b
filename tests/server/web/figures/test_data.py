"""The data of figures over HTTP: for their owners, by links with and without permission."""

from __future__ import annotations

import json
from urllib.parse import urljoin

import plotly.graph_objects as go
import pytest

from jupyter_figserve.errors import CodeFailed, OutputInvalid
from jupyter_figserve.model.data_tables import DataTable, FigureData, make_data, to_lines
from jupyter_figserve.model.figures import EncodedImage
from jupyter_figserve.model.formats import TABLES
from jupyter_figserve.model.rendering import RenderResult
from jupyter_figserve.sandbox.fake import DATA

from ...pages import Page
from ...sample_images import multipart, png
from ...services.figures.test_redraw import failing, publish_with_source

SECRET = "marmalade"
TWO = FigureData((DataTable("A", ("x",), ((SECRET,),), 1), DataTable("B", ("y",), (("=1+1",), (-2,)), 7)))
PLOTLY = "<html><body>" + go.Figure(go.Scatter(x=[SECRET], y=[1])).to_html(include_plotlyjs=False) + "</body></html>"


def answering(data: bytes):
    return lambda job: RenderResult((EncodedImage(TABLES.mimetype, data),))


@pytest.fixture
def two_tables(renderer):
    """The sandbox reads two tables from every figure, and draws nothing."""
    drawn = renderer.answer
    renderer.answer = lambda job: answering(to_lines(TWO))(job) if job.options.format == "tables" else drawn(job)
    return renderer


class TestOwner:
    async def test_json_and_csv(self, owner, renderer, stranger, make_key):
        """The tables come as JSON and as CSV, to their owner alone; the source is opened by one job in the sandbox."""
        figure = await publish_with_source(owner)
        answer = await owner.get(f"/api/figures/{figure['id']}/data")
        assert answer.json() == {"version": 1, "tables": [DATA.tables[0].as_json()], "notes": []}
        csv = await owner.get(f"/figures/{figure['id']}.csv", {"Accept": "text/csv"})
        assert (csv.mimetype, csv.text) == ("text/csv", "x,y\n1,2.5\n2,\n")
        assert 'filename="sales.csv"' in csv.headers["Content-Disposition"]
        assert (await owner.get(f"/figures/{figure['id']}.csv", {"If-None-Match": csv.headers["ETag"]})).status == 304
        assert (await owner.get(f"/figures/{figure['id']}", {"Accept": "text/csv"})).text == csv.text
        (job,) = renderer.jobs
        assert (job.kind, job.options.format, job.options.rows) == ("figure", "tables", 100_000)
        other = stranger.with_key(await make_key("read", owner="eve"))
        for path in (f"/figures/{figure['id']}.csv", f"/api/figures/{figure['id']}/data"):
            assert (await other.get(path)).status == 404
            assert (await stranger.get(path)).status == 401

    async def test_several_tables(self, owner, two_tables):
        """Without a number all tables are one CSV, with a number that one; formulas are text, numbers numbers."""
        figure = await publish_with_source(owner)
        path = f"/figures/{figure['id']}.csv"
        assert (await owner.get(path)).text == "table,x,y\nA,marmalade,\nB,,'=1+1\nB,,-2\n"
        second = await owner.get(path, table=2)
        assert second.text == "y\n'=1+1\n-2\n"
        assert 'filename="sales-2.csv"' in second.headers["Content-Disposition"]
        missing = await owner.get(path, table=3)
        assert (missing.status, missing.code) == (404, "table_not_found")
        assert (await owner.get(path, table="x")).status == 400

    async def test_other_figures(self, owner, renderer):
        """The data of a Plotly figure is in its document; an image and other HTML have none: 409 with the reason."""
        plotly = await owner.publish("p", PLOTLY.encode(), "text/html")
        assert (await owner.get(f"/figures/{plotly['id']}.csv")).text == f"x,y\n{SECRET},1\n"
        image = await owner.publish()
        other = await owner.publish("h", b"<p>Hello</p>", "text/html")
        for figure, reason in ((image, "as an image, or with keep_source=False"), (other, "Plotly and Altair")):
            for path in (f"/figures/{figure['id']}.csv", f"/api/figures/{figure['id']}/data"):
                answer = await owner.get(path)
                assert (answer.status, answer.code) == (409, "no_data")
                assert reason in answer.json()["error"]
        assert renderer.jobs == []

    async def test_data_is_that_of_the_figure(self, owner, stranger, make_key):
        """An equal image, which anybody may copy from a link, is no way to the data of another figure."""
        answers = []
        for client, word in (
            (owner, SECRET),
            (stranger.with_key(await make_key("publish", "read", owner="eve")), "own"),
        ):
            document = PLOTLY.replace(SECRET, word).encode()
            body, headers = multipart({"name": "a"}, ("image/png", png()), ("text/html", document))
            figure = (await client.ask("POST", "/api/figures", body, headers)).json()
            await client.get(figure["url"])
            answers.append((await client.get(f"/figures/{figure['id']}.csv")).text)
            assert SECRET not in (await client.get(figure["url"])).text or client is owner
        assert answers == [f"x,y\n{SECRET},1\n", "x,y\nown,1\n"]

    async def test_failures(self, owner, renderer):
        """A figure without tables is 409, code that fails and garbage from the sandbox 422, too much data 413."""
        figure = await publish_with_source(owner)
        expected = [
            (failing(OutputInvalid("Nothing.", code="no_data")), 409, "no_data"),
            (failing(CodeFailed("Boom", kind="E", line=1, traceback="t", output="")), 422, "code_failed"),
            (answering(b"nonsense"), 422, "output_invalid"),
            (answering(b"x" * (16 * 2**20 + 1)), 413, "data_too_large"),
        ]
        for number, (answer, status, code) in enumerate(expected, 1):
            renderer.answer = answer
            got = await owner.get(f"/api/figures/{figure['id']}/data", rows=number)
            assert (got.status, got.code) == (status, code), number


def with_code(code: str, **words: str) -> tuple[bytes, dict[str, str]]:
    """An upload with the code of its cell."""
    body, headers = multipart({"name": "coded", **words}, ("image/png", png()))
    part = f'Content-Disposition: form-data; name="code"; filename="code.txt"\r\nContent-Type: text/plain\r\n\r\n{code}'
    return b"--b\r\n" + part.encode() + b"\r\n" + body, headers


class TestCode:
    async def test_code_is_for_its_owner(self, owner, stranger):
        """The code of a cell is on the owner's page and in the record, without secrets; a link shows it if allowed."""
        code = f"print('<{SECRET}>')  # ü\npassword = 'hunter2'\n"
        figure = (await owner.ask("POST", "/api/figures", *with_code(code))).json()
        kept = f"print('<{SECRET}>')  # ü\npassword = '…'"
        assert (await owner.get(f"/api/figures/{figure['id']}/versions/1/code")).json() == {"version": 1, "code": kept}
        page = (await owner.get(figure["url"])).text
        assert f"&lt;{SECRET}&gt;" in page
        assert "hunter2" not in page
        assert (await stranger.get(f"/api/figures/{figure['id']}/versions/1/code")).status == 401
        link = await owner.share(figure)
        for path in ("", ".json", "/embed", "/data", ".csv", ".nope"):
            assert SECRET not in (await stranger.get(link["url"] + path)).text, path
        assert SECRET not in (await stranger.get("/oembed", url=link["url"])).text
        await owner.patch(f"/api/links/{link['id']}", {"code": True})
        assert (await stranger.get(f"{link['url']}.json")).json()["code"] == kept
        assert f"&lt;{SECRET}&gt;" in (await stranger.get(link["url"])).text
        assert SECRET not in (await stranger.get(f"{link['url']}/embed")).text

    async def test_versions_have_their_own(self, owner, context):
        """Each keeps its first code, sent with it or after it, also after a deletion was undone."""
        for grey, code in ((1, "a = 1"), (2, "b = 2")):
            body, headers = multipart({"name": "coded"}, ("image/png", png(grey=grey)))
            part = b'--b\r\nContent-Disposition: form-data; name="code"\r\n\r\n' + code.encode() + b"\r\n"
            figure = (await owner.ask("POST", "/api/figures", part + body, headers)).json()
        await owner.publish("coded", png(grey=3))
        path = f"/api/figures/{figure['id']}"
        for number, code in ((2, "other = 3"), (3, "c = 3\ntoken = 'abcdef'"), (3, "d = 4")):
            answer = await owner.ask(
                "PUT", f"{path}/versions/{number}/code", code.encode(), {"Content-Type": "text/plain"}
            )
            assert answer.status == 204
        await owner.delete(path)
        await owner.post(f"{path}/restore")
        codes = [(await owner.get(f"{path}/versions/{number}/code")).json()["code"] for number in (1, 2, 3)]
        assert codes == ["a = 1", "b = 2", "c = 3\ntoken = '…'"]

    async def test_long_code_is_cut(self, owner, context, figserve):
        """Only so much is kept, with a note; with a limit of 0 nothing is."""
        figserve.cell_code_bytes = 1_000
        figure = (await owner.ask("POST", "/api/figures", *with_code("x = 'ü'\n" * 1_000))).json()
        code = (await owner.get(f"/api/figures/{figure['id']}/versions/1/code")).json()["code"]
        assert len(code) < 1_200
        assert code.splitlines()[-1].startswith("# The rest is left out: the cell has 9,000 bytes")
        figserve.cell_code_bytes = 0
        other = (await owner.ask("POST", "/api/figures", *with_code("x = 1", name="other"))).json()
        missing = await owner.get(f"/api/figures/{other['id']}/versions/1/code")
        assert (missing.status, missing.code) == (404, "no_code")


class TestPages:
    async def test_a_table_of_the_first_rows(self, owner, stranger, renderer):
        """The pages of owner and link have the first rows as a table with headers, and a link to all of them."""
        rows = tuple((f"<{SECRET} {number}>", number + 0.5) for number in range(90))
        data = FigureData(
            (DataTable("Jam", ("kind", "kg"), rows, 10_000), DataTable("B", ("y",), ((1,),), 1)), ("Note.",)
        )
        drawn = renderer.answer

        def answer(job):
            cut = make_data(data.tables, data.notes, job.options.rows or 1)
            return answering(to_lines(cut))(job) if job.options.format == "tables" else drawn(job)

        renderer.answer = answer
        figure = await publish_with_source(owner)
        link = await owner.share(figure, data=True)
        for client, url in ((owner, figure["url"]), (stranger, link["url"])):
            text = (await client.get(url)).text
            page = Page(text)
            assert [tag.get("scope") for tag in page["th"]] == ["col"] * 2 + ["row"] * 20 + ["col"]
            assert len(page["tr"]) == 23
            assert "the first 20 of 10,000 rows" in text
            assert f"&lt;{SECRET} 19&gt;" in text
            assert f"{SECRET} 20" not in text
            addresses = [tag["href"] for tag in page["a"] if ".csv" in (tag.get("href") or "")]
            assert len(addresses) == 3
            for address in addresses:
                assert (await client.get(urljoin(url, address))).mimetype == "text/csv"
        assert "<table" not in (await stranger.get(f"{link['url']}/embed")).text


class TestLink:
    async def test_with_permission(self, owner, stranger, two_tables):
        """A link with data serves CSV and JSON to anyone, and its record names the address."""
        link = await owner.share(await publish_with_source(owner), data=True)
        assert (link["data"], link["code"]) == (True, False)
        csv = await stranger.get(f"{link['url']}.csv", table=1)
        assert (csv.status, csv.text) == (200, f"x\n{SECRET}\n")
        assert csv.headers["Cache-Control"] == "public, max-age=60"
        record = (await stranger.get(f"{link['url']}.json")).json()
        assert (await stranger.get(record["data_url"])).json()["tables"] == [one.as_json() for one in TWO.tables]
        assert (await stranger.get(link["url"], {"Accept": "text/csv"})).mimetype == "text/csv"

    async def test_without_permission(self, owner, stranger, two_tables):
        """No address of another link has the data, nor runs a job for it."""
        figure = await publish_with_source(owner)
        link = await owner.share(figure)
        await stranger.get(link["url"])
        two_tables.jobs.clear()
        for path in (".csv", "/data", "/sales.csv", ".csv?table=1", "/data?rows=1"):
            answer = await stranger.get(link["url"] + path)
            assert (answer.status, answer.code) == (403, "data_not_shared"), path
        for path in ("", ".json", "/embed", ".svg", ".nope"):
            assert SECRET not in (await stranger.get(link["url"] + path, {"Accept": "text/csv, text/html"})).text
        assert SECRET not in (await stranger.get("/oembed", url=link["url"])).text
        assert all(job.options.format != "tables" for job in two_tables.jobs)

    async def test_permission_can_be_taken_back(self, owner, stranger, two_tables):
        """PATCH gives and takes the permission at once; with a view limit, data counts as a view, as an image does."""
        figure = await publish_with_source(owner)
        link = await owner.share(figure)
        for allowed, status in ((True, 200), (False, 403)):
            changed = (await owner.patch(f"/api/links/{link['id']}", {"data": allowed})).json()
            assert changed["data"] is allowed
            assert (await stranger.get(f"{link['url']}.csv")).status == status
        assert (await owner.patch(f"/api/links/{link['id']}", {"data": "yes"})).status == 400
        limited = await owner.share(figure, data=True, views=1)
        assert (await stranger.get(f"{limited['url']}.csv")).headers["Cache-Control"] == "private, no-store"
        assert (await stranger.with_headers(User_Agent="another").get(f"{limited['url']}.csv")).status == 404

    async def test_messages_have_nothing_of_the_authors(self, owner, stranger, renderer):
        """A figure that cannot be read is 409 with one sentence, whatever its code said."""
        link = await owner.share(await publish_with_source(owner), data=True)
        renderer.answer = failing(CodeFailed(SECRET, kind="E", line=1, traceback=SECRET, output=SECRET))
        answer = await stranger.get(f"{link['url']}.csv")
        assert (answer.status, answer.code) == (409, "no_data")
        assert SECRET not in answer.text

    async def test_dashboards_have_no_data(self, owner, stranger, two_tables):
        """A dashboard's link serves no data of its figures, and is refused the permission."""
        figure = await publish_with_source(owner)
        layout = {"title": "D", "rows": [[{"kind": "figure", "figure": figure["id"]}]]}
        board = (await owner.post("/api/dashboards", {"name": "d", **layout})).json()
        refused = await owner.post(f"/api/dashboards/{board['id']}/links", {"data": True})
        assert refused.status == 400
        assert "for links to figures" in refused.json()["error"]
        link = (await owner.post(f"/api/dashboards/{board['id']}/links", {"data": False})).json()
        assert (await owner.patch(f"/api/links/{link['id']}", {"code": True})).status == 400
        for path in ("", ".json", ".csv", "/data", "/1-1.csv", "/1-1.json", "/embed"):
            assert SECRET not in (await stranger.get(link["url"] + path)).text, path
        assert json.dumps(link).count(SECRET) == 0
