"""`link` and `revoke`: URLs of links are only on standard output and standard input."""

from __future__ import annotations

import pytest

from jupyter_figserve.demo.server_process import fetch
from tests.security.actors import PNG, make_png, publish


@pytest.fixture(autouse=True)
def sales(live_server) -> dict:
    """The figure of the links, without any link."""
    record = publish(live_server, name="sales")
    for link in live_server.fetch(f"figserve/api/figures/{record['id']}/links").json()["links"]:
        live_server.fetch(f"figserve/api/links/{link['id']}", method="DELETE")
    return record


def test_only_the_url_is_printed(shell):
    """Only the URL is on standard output; it opens without a login."""
    done = shell.run("link", "sales")
    (url,) = done.lines
    assert fetch(f"{url}.png").body == PNG
    assert "`jupyter figserve revoke lnk" in done.err
    assert "opens only on this machine" in done.err
    assert url.rpartition("/")[2] not in done.err


def test_options_become_the_links_fields(shell, live_server):
    """Expiry, label, views and version are set; the list shows them without URLs."""
    publish(live_server, make_png(shade=1), name="sales")
    url = shell.run(
        "link", "sales", "--expires", "2h", "--label", "for Ada", "--views", "2", "--version", "1", "--data"
    ).lines[0]
    assert fetch(f"{url}.png").body == PNG
    (link,) = shell.run("link", "sales", "--list", "--json").json()["links"]
    assert (link["label"], link["views"], link["version"]) == ("for Ada", 2, 1)
    assert (link["data"], link["code"]) == (True, False)
    row = shell.run("link", "sales", "--list").lines[1]
    assert "for Ada" in row
    assert "1 of 2" in row
    assert url.rpartition("/")[2] not in row


def test_urls_are_printed_again(shell):
    """Only when asked for."""
    url = shell.run("link", "sales").lines[0]
    assert url in shell.run("link", "sales", "--list", "--urls").lines[1]
    (link,) = shell.run("link", "sales", "--list", "--urls", "--json").json()["links"]
    assert link["url"] == url
    assert "belongs to --list" in shell.run("link", "sales", "--urls", expect=2).err


def test_json_has_the_snippets(shell):
    """JSON includes the snippets."""
    made = shell.run("link", "sales", "--json", "--expires", "never").json()
    assert made["expires"] is None
    assert made["url"] in made["snippets"]["markdown"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--expires", "soon"], "not a duration"),
        (["--version", "77"], "version"),
        (["--expires", "2001-01-01"], "in the past"),
    ],
)
def test_invalid_options_are_reported(arguments, message, shell):
    """The message is that of the server, and no link is made."""
    done = shell.run("link", "sales", *arguments, expect=1)
    assert message in done.err
    assert done.out == ""
    assert "no links" in shell.run("link", "sales", "--list").err


def test_revoke_by_id(shell):
    """Several links are revoked at once; an unknown one is reported, and the others are revoked."""
    urls = [shell.run("link", "sales").lines[0] for _ in range(2)]
    ids = [link["id"] for link in shell.run("link", "sales", "--list", "--json").json()["links"]]
    done = shell.run("revoke", "lnknothing", *ids, expect=1)
    assert [line.split()[1].rstrip(".") for line in done.lines] == ids
    assert "lnknothing: There is no such link" in done.err
    assert [fetch(url).status for url in urls] == [404, 404]


def test_revoke_by_url_from_standard_input(shell):
    """URLs of pages and images on several lines; anything else is reported."""
    urls = [shell.run("link", "sales").lines[0] for _ in range(3)]
    shell.run("revoke", stdin=f"{urls[0]}\n\n  {urls[1]}.png  \n")
    assert [fetch(url).status for url in urls] == [404, 404, 200]
    assert "There is no such link" in shell.run("revoke", stdin=urls[0], expect=1).err
    assert "No URL was given" in shell.run("revoke", expect=1).err
    done = shell.run("revoke", stdin="https://example.org/\n", expect=1)
    assert "ends in /f/" in done.err


def test_revoke_prompts_without_echo(shell):
    """The pasted URL is not echoed."""
    url = shell.run("link", "sales").lines[0]
    done = shell.run_on_terminal("revoke", typed=f"{url}\n".encode())
    assert done.code == 0
    assert "URL of the link (hidden):" in done.out
    assert url.rpartition("/")[2] not in done.out
    assert fetch(url).status == 404


def test_revoke_all_links_of_a_figure(shell):
    """All links of a figure, by its name."""
    urls = [shell.run("link", "sales").lines[0] for _ in range(2)]
    assert len(shell.run("revoke", "--figure", "sales").lines) == 2
    assert [fetch(url).status for url in urls] == [404, 404]
    assert "no links" in shell.run("revoke", "--figure", "sales").err


@pytest.mark.parametrize("link", ["../keys/abcd1234", "lnk1/../../figures/x", "%2e%2e", "a b", "x?y=1"])
def test_what_is_no_id_is_not_sent(link, shell, live_server):
    """It could reach another path; nothing is revoked or deleted."""
    before = live_server.fetch("figserve/api/figures").json()
    shell.run("revoke", link, expect=2)
    assert live_server.fetch("figserve/api/figures").json() == before


def test_read_key_cannot_make_links(isolated_shell, live_server, make_key):
    """The missing scope is named."""
    reader = isolated_shell.with_env(FIGSERVE_URL=live_server.url, FIGSERVE_API_KEY=make_key("read"))
    assert "lacks the scope publish" in reader.run("link", "sales", expect=1).err
