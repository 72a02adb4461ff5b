"""The gallery as rendered by the server, which works without JavaScript."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import sqlalchemy as sa

from jupyter_figserve.model.figures import EncodedImage, Identity
from jupyter_figserve.model.new_version import NewVersion
from jupyter_figserve.model.sessions import Session
from jupyter_figserve.server.web.gallery.handlers import PAGE_SIZE, GalleryQuery
from jupyter_figserve.store.catalog import sessions

from ...pages import Page
from ...sample_images import GIF, HTML, PDF, SVG, png

EVIL = "\"'><script>document.title = 'evil'</script><img src=x onerror=alert(1)>"


def encoded(data: bytes, width: int = 4, height: int = 3) -> EncodedImage:
    return EncodedImage("image/png", data, width, height)


@dataclass
class Shop:
    """Puts figures of notebooks directly into the store."""

    context: object

    async def publish(self, name: str, notebook: str = "a.ipynb", *, scope: str | None = None, session=None, **fields):
        context = self.context
        scope = context.config.scope if scope is None else scope
        identity = Identity("local", scope, notebook, "", name)
        draft = NewVersion(identity, (encoded(png(grey=len(name))),), session=session, **fields)
        return await context.store.figures.publish(draft)

    async def session(
        self, session_id: str, notebook: str, *, ended: float | None = None, started: float | None = None
    ):
        context = self.context
        now = context.store.clock()
        one = Session(session_id, "local", context.config.scope, notebook, started or now, now, ended)
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: sessions.record(connection, one)))


@pytest.fixture
def shop(context) -> Shop:
    return Shop(context)


def names(text: str) -> list[str]:
    """Return the headings of the cards, in order."""
    return re.findall(r'<h3><a href="[^"]+" dir="auto">([^<]*)</a>', text.replace("<wbr>", ""))


def books(text: str) -> list[str]:
    """Return the headings of the sections, in order."""
    sections = re.findall(r'<section class="notebook".*?<h2>(.*?)</h2>', text, flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", "", one).split()) for one in sections]


@pytest.mark.parametrize(
    ("image", "sharp"),
    [
        (encoded(png(640, 480), 640, 480), "png"),
        (encoded(png(200, 100), 200, 100), None),
        (EncodedImage("image/svg+xml", SVG, 640, 480), "svg"),
        (EncodedImage("image/png", png(640, 480) + b"0" * 200_000, 640, 480), None),
        (EncodedImage("image/gif", GIF, 640, 480, None, 9, 1.0), None),
    ],
)
async def test_dense_screens_load_the_image_where_it_is_small_and_sharper(shop, owner, context, image, sharp):
    """Of an animation, a large or a small image they show the thumbnail."""
    thumbnail = encoded(png(320, 240), 320, 240)
    identity = Identity("local", context.config.scope, "a.ipynb", "", "card")
    record = await context.store.figures.publish(NewVersion(identity, (image,), thumbnail=thumbnail))
    text = (await owner.get("/")).text
    small = f"./figures/{record.id}.png?version=1&amp;width=320"
    wide = f' srcset="{small} 1x, ./figures/{record.id}.{sharp}?version=1 2x"' if sharp else ""
    assert f'src="{small}"{wide} alt=' in text


class TestPage:
    async def test_empty_gallery_says_how_to_begin(self, owner):
        """It shows two lines of code to copy, and nothing else."""
        text = (await owner.get("/")).text
        assert "import jupyter_figserve as figserve\nfigserve.publish()" in text
        assert "0 figures" in text
        assert names(text) == []

    async def test_collections_are_sections_and_a_list_at_the_side(self, owner, shop):
        """Each links to its own figures, which the filter shows alone; the zip has them."""
        await shop.publish("one")
        await owner.publish("load", collection="nightly")
        text = (await owner.get("/")).text
        assert sorted(books(text)) == ["a.ipynb", "nightly collection"]
        assert re.search(r'href="\./\?collection=nightly"[^>]*><bdi>nightly</bdi>', text)
        text = (await owner.get("/?collection=nightly")).text
        assert names(text) == ["load"]
        assert '<h1 data-live="title"><bdi>nightly</bdi></h1>' in text
        archive = await owner.head("/export.zip", collection="nightly")
        assert archive.headers["X-Figserve-Figures"] == "1"

    async def test_figures_stand_by_notebook_newest_first(self, owner, shop, clock):
        """Notebooks are in the order of their newest figures."""
        for name, notebook in (("one", "a.ipynb"), ("two", "b.ipynb"), ("three", "a.ipynb")):
            await shop.publish(name, notebook)
            clock.advance(1)
        text = (await owner.get("/")).text
        assert books(text) == ["a.ipynb", "b.ipynb"]
        assert names(text) == ["three", "one", "two"]

    async def test_running_notebooks_come_first(self, owner, shop, clock):
        """Their state is shown as text; others show when their session ended."""
        await shop.session("k1", "old but running.ipynb")
        await shop.session("k2", "ended.ipynb", ended=clock.now)
        await shop.publish("one", "old but running.ipynb", session="k1")
        clock.advance(60)
        await shop.publish("two", "ended.ipynb", session="k2")
        text = (await owner.get("/")).text
        assert books(text) == ["old but running.ipynb", "ended.ipynb"]
        assert ("running</span>" in text, "ended <time" in text) == (True, True)

    async def test_sidebar_counts_the_figures_of_each_notebook(self, owner, shop, clock):
        """Of all its sessions, and those that were shared when it was only reopened."""
        await shop.session("k1", "a.ipynb", ended=clock.now)
        await shop.publish("one", session="k1")
        await shop.publish("two")
        await shop.session("k2", "a.ipynb")
        await shop.session("k3", "b.ipynb")
        counts = re.findall(r'running, </span>(\d+)<span class="visually-hidden"> figures', (await owner.get("/")).text)
        assert sorted(counts) == ["0", "2"]

    async def test_figures_without_a_notebook_stand_by_themselves(self, owner, stranger, make_key):
        """Figures of programs are in a collection, those of kernels without a notebook in a section of their own."""
        await owner.publish("from-a-script")
        await stranger.with_key(await make_key("publish", kernel="k1")).publish("from-a-console")
        assert sorted(books((await owner.get("/")).text)) == ["No notebook", "default collection"]

    async def test_notebook_of_another_project_is_distinguished(self, owner, shop):
        """By its directory; each link leads to its own notebook."""
        await shop.publish("here")
        await shop.publish("there", scope="/elsewhere")
        text = (await owner.get("/")).text
        assert sorted(books(text)) == ["a.ipynb", "a.ipynb in /elsewhere"]
        links = [tag["href"] for tag in Page(text).links if "scope=" in tag["href"]]
        found = {tuple(names((await owner.get(f"/{link.removeprefix('./')}")).text)) for link in links}
        assert found == {("here",), ("there",)}

    async def test_every_address_of_the_page_answers(self, owner, shop):
        """Images, cards, filters, styles and scripts."""
        await shop.session("k1", "a.ipynb")
        for number in range(PAGE_SIZE + 1):
            await shop.publish(f"f{number}", session="k1")
        page = Page((await owner.get("/")).text)
        wanted = [tag["href"] for tag in page.links if "export.zip" not in tag["href"]]
        wanted += [tag["src"] for tag in (*page["img"], *page["script"])] + [tag["href"] for tag in page["link"]]
        assert len(wanted) > 2 * PAGE_SIZE
        for address in set(wanted):
            assert (await owner.get(urljoin(f"{owner.prefix}/", address))).status == 200, address

    async def test_images_are_small_and_lazy_and_reserve_their_space(self, owner, context):
        """Thumbnails are pinned to their version and have their size."""
        draft = NewVersion(
            Identity("local", "", "", "x", "f"), (encoded(png(8, 6), 8, 6),), thumbnail=encoded(png(4, 3))
        )
        await context.store.figures.publish(draft)
        (image,) = [tag for tag in Page((await owner.get("/")).text)["img"] if "loading" in tag]
        assert (image["loading"], image["width"], image["height"]) == ("lazy", "4", "3")
        answer = await owner.get(urljoin(f"{owner.prefix}/", image["src"]))
        assert answer.body == png(4, 3)
        assert "immutable" in answer.headers["Cache-Control"]

    async def test_documents_are_named_by_their_format(self, owner):
        """A PDF without a thumbnail and HTML have no image; HTML is called what it is for its readers."""
        await owner.publish("doc", PDF, "application/pdf")
        await owner.publish("page", HTML, "text/html")
        text = (await owner.get("/")).text
        assert re.findall(r'class="card-file[^"]*">(\w+)<', text) == ["Interactive", "PDF"]
        assert Page(text)["iframe"] == []

    async def test_open_links_are_counted_on_the_card(self, owner, clock):
        """Paused, ended and used-up links do not count."""
        figure = await owner.publish()
        for wishes in ({}, {"expires": "never"}, {"expires": "1h"}):
            await owner.share(figure, **wishes)
        paused = await owner.share(figure)
        await owner.patch(f"/api/links/{paused['id']}", {"paused": True})
        clock.advance(3601)
        assert "2 links" in (await owner.get("/")).text

    async def test_markup_in_any_word_is_text(self, owner, shop):
        """Title, alternative text, notebook path, directory, search and label are escaped."""
        await shop.session("k1", f"{EVIL}.ipynb")
        await shop.publish("evil", f"{EVIL}.ipynb", scope=f"/{EVIL}", session="k1", title=EVIL, alt=EVIL)
        for address in (
            "/",
            "/?" + GalleryQuery(q=EVIL).address()[1:],
            "/?" + GalleryQuery(notebook=f"{EVIL}.ipynb").address()[1:],
        ):
            text = (await owner.get(address)).text
            page = Page(text)
            assert [tag.get("src", "inline") for tag in page["script"]] == [page["script"][0]["src"]]
            assert all("onerror" not in tag for tag in page["img"])
            assert "&lt;script&gt;" in text


class TestFilters:
    async def test_search_is_a_form(self, owner, shop):
        """Its results are on a page whose field still has the text."""
        await shop.publish("bears", title="Bears in July")
        await shop.publish("wolves")
        page = Page((await owner.get("/")).text)
        (form,) = [one for one in page["form"] if one.get("role") == "search"]
        text = (await owner.get(urljoin("/", form["action"]).rstrip("."), q="july")).text
        assert names(text) == ["Bears in July"]
        assert 'name="q" value="july"' in text
        assert "1 figure" in text

    async def test_nothing_matches(self, owner, shop):
        """The page says so and links to all figures."""
        await shop.publish("one")
        text = (await owner.get("/", q="zebra")).text
        assert "No matches" in text
        assert "show all 1 figure" in text

    async def test_shared_only(self, owner, clock):
        """Only figures with an open link."""
        for name, wishes in (("open", {}), ("ended", {"expires": "1h"}), ("none", None)):
            figure = await owner.publish(name)
            if wishes is not None:
                await owner.share(figure, **wishes)
        clock.advance(3601)
        assert names((await owner.get("/", show="shared")).text) == ["open"]

    async def test_running_only(self, owner, shop, clock):
        """Only figures of running sessions."""
        await shop.session("k1", "a.ipynb")
        await shop.session("k2", "b.ipynb", ended=clock.now)
        await shop.publish("alive", "a.ipynb", session="k1")
        await shop.publish("ended", "b.ipynb", session="k2")
        assert names((await owner.get("/", show="running")).text) == ["alive"]

    async def test_one_session(self, owner, shop):
        """Only one of two sessions of a notebook."""
        for session in ("k1", "k2"):
            await shop.publish(f"of-{session}", session=session)
        assert names((await owner.get("/", session="k2")).text) == ["of-k2"]

    async def test_filters_stay_while_searching_and_paging(self, owner, shop):
        """The form and the links to further pages keep them."""
        for number in range(PAGE_SIZE + 1):
            await shop.publish(f"match{number}")
        page = Page((await owner.get("/", notebook="a.ipynb", q="match")).text)
        hidden = {tag["name"]: tag["value"] for tag in page["input"] if tag.get("type") == "hidden"}
        assert hidden["notebook"] == "a.ipynb"
        (older,) = [tag["href"] for tag in page.links if tag.get("rel") == "next"]
        assert {name: value[0] for name, value in parse_qs(urlsplit(older).query).items() if name != "cursor"} == {
            "q": "match", "notebook": "a.ipynb", "scope": hidden["scope"],
        }  # fmt: skip

    async def test_notebook_is_counted(self, owner, shop):
        """It shows the number of its figures."""
        await shop.publish("one")
        await shop.publish("two", "b.ipynb")
        text = (await owner.get("/", notebook="b.ipynb")).text
        assert names(text) == ["two"]
        assert re.search(r"1 figure ·.*show all 2 figures", text)

    async def test_unknown_filter_is_malformed(self, owner):
        """The error lists the allowed values, as a page for browsers."""
        answer = await owner.get("/", {"Accept": "text/html"}, show="everything")
        assert (answer.status, answer.mimetype) == (400, "text/html")
        assert "all, shared, running" in answer.text
        assert (await owner.get("/", cursor="x")).code == "invalid_cursor"


class TestPaging:
    async def test_pages_hold_all_figures_once(self, owner, shop):
        """From the newest to the oldest, and back to the first page."""
        for number in range(2 * PAGE_SIZE + 5):
            await shop.publish(f"f{number:03}")
        seen, address = [], "/"
        while address:
            page = (await owner.get(address)).text
            seen += names(page)
            older = [tag["href"] for tag in Page(page).links if tag.get("rel") == "next"]
            address = "/" + older[0].removeprefix("./") if older else ""
        assert seen == [f"f{number:03}" for number in reversed(range(2 * PAGE_SIZE + 5))]
        assert "Newest figures" in page

    async def test_page_costs_the_same_number_of_statements(self, owner, shop, context):
        """The number of SQL statements does not depend on the number of figures."""
        await shop.session("k1", "a.ipynb")
        statements: list[str] = []
        sa.event.listen(context.store.catalog.reader, "before_cursor_execute", lambda *a: statements.append(a[2]))
        counts = []
        for round in range(2):
            for number in range(20):
                await shop.publish(f"f{round}{number}", session="k1")
            statements.clear()
            await owner.get("/")
            counts.append(len(statements))
        assert counts[0] == counts[1] <= 13


class TestAddress:
    async def fetch(self, client, path: str):
        return await client.http.fetch(
            client.prefix + path, headers=client.headers, follow_redirects=False, raise_error=False
        )

    async def test_without_the_slash_it_leads_to_the_slash(self, owner):
        """The query is kept; relative URLs need the slash."""
        answer = await self.fetch(owner, "?q=a%20b")
        assert answer.code == 302
        assert answer.headers["Location"] == urlsplit(owner.prefix).path + "/?q=a+b"

    async def test_login_comes_first(self, stranger):
        """A browser is redirected, a program gets 401."""
        answer = await stranger.get("/", {"Accept": "text/html"})
        assert (answer.status, urlsplit(answer.headers["Location"]).path) == (302, "/a%40b/login")
        assert (await stranger.get("/")).status == 401

    async def test_token_does_not_stay_in_the_address(self, stranger, jp_serverapp):
        """The login takes place, and the redirect has no token."""
        token = jp_serverapp.identity_provider.token
        answer = await self.fetch(stranger, f"/?token={token}&q=x")
        assert answer.code == 302
        assert answer.headers["Location"] == urlsplit(stranger.prefix).path + "/?q=x"
        assert any(cookie.startswith("username-") for cookie in answer.headers.get_list("Set-Cookie"))

    async def test_redirection_goes_nowhere_else(self, owner):
        """For any query."""
        answer = await self.fetch(owner, "?next=//evil.example")
        assert urlsplit(answer.headers["Location"]).netloc == ""
        assert answer.headers["Location"].startswith(urlsplit(owner.prefix).path + "/?")

    async def test_other_owners_figures_are_not_shown(self, owner, make_key):
        """A key sees its owner's figures."""
        await owner.publish("mine")
        other = owner.with_key(await make_key("read", owner="bob"))
        assert names((await other.get("/")).text) == []


def test_addresses_leave_out_what_is_not_asked():
    """Default values are not in the URL."""
    assert GalleryQuery().address() == "?"
    assert GalleryQuery(q="a b", show="shared", cursor="c").address() == "?q=a+b&show=shared"
    assert GalleryQuery(q="x").address(q="", show="running") == "?show=running"
    assert (GalleryQuery().is_filtered, GalleryQuery(cursor="c").is_filtered, GalleryQuery(q="x").is_filtered) == (
        False,
        False,
        True,
    )
