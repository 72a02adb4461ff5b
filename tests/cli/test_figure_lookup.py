"""Finding a figure by id, name or URL."""

from __future__ import annotations

import pytest

from jupyter_figserve.cli.figure_lookup import find_figure
from jupyter_figserve.errors import InvalidInput, NotFound
from jupyter_figserve.kernel.client.address import parse_exact
from jupyter_figserve.kernel.client.client import FigServeClient
from tests.security.actors import publish


@pytest.fixture
def client(live_server) -> FigServeClient:
    client = FigServeClient(parse_exact(f"{live_server.url}figserve"), live_server.token)
    yield client
    client.close()


def test_id_name_and_url(client, live_server):
    """The page's URL, an image's URL and another host name give the same record."""
    record = publish(live_server, name="sales 2026")
    urls = (
        record["url"],
        f"{record['url']}.png?version=1",
        f"https://plots.example.org/figserve/figures/{record['id']}",
    )
    for text in (record["id"], "sales 2026", *urls):
        assert find_figure(client, text)["id"] == record["id"]


def test_name_that_looks_like_an_id(client, live_server):
    """A name that looks like an id is found."""
    record = publish(live_server, name="abcdefgh12345678")
    assert find_figure(client, "abcdefgh12345678")["id"] == record["id"]


def test_ambiguous_name(client, live_server):
    """Two collections with a figure of the same name: the ids are listed."""
    records = [publish(live_server, name="twice", collection=collection) for collection in "ab"]
    with pytest.raises(InvalidInput) as error:
        find_figure(client, "twice")
    for record in records:
        assert f"{record['id']}  collection {record['collection']}" in str(error.value)
        assert find_figure(client, record["id"])["id"] == record["id"]


@pytest.mark.parametrize(
    "text", ["nothing", "AAAAAAAAAAAAAAAA", "../api/keys", "a&limit=1", "-rf", "x\ny", "Sales 2026"]
)
def test_missing_figure(text, client):
    """Invalid ids are not found, and nothing is sent to another path."""
    with pytest.raises(NotFound):
        find_figure(client, text)


@pytest.mark.parametrize("url", ["https://example.org/", "http://x/figserve/figures/../keys", "http://x/figures/short"])
def test_url_of_another_page(url, client):
    """Other URLs are rejected."""
    with pytest.raises(InvalidInput):
        find_figure(client, url)
