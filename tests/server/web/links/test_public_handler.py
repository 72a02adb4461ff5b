"""The public side of links: every link that is not open gets the same 404."""

from __future__ import annotations

import pytest

from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.catalog import links

from ...conftest import Client
from .conftest import token_of

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PATHS = ("/f/{}", "/f/{}.png", "/f/{}.json", "/f/{}/embed", "/f/{}.html", "/f/{}.nope")


class TestMissing:
    """Unknown, expired, paused, used-up, revoked and malformed links get the same response."""

    async def check_gone(self, client: Client, token: str, unknown: str = "x" * 32) -> None:
        for path in PATHS:
            for headers in ({}, BROWSER, {"If-None-Match": "*"}, {"Range": "bytes=99999-"}):
                answer = await client.get(path.format(token), headers)
                other = await client.get(path.format(unknown), headers)
                assert answer.status == other.status == 404, path
                assert answer.body == other.body
                skipped = {"Date", "Content-Length"}
                assert {k: v for k, v in answer.headers.items() if k not in skipped} == {
                    k: v for k, v in other.headers.items() if k not in skipped
                }
        assert (await client.head(f"/f/{token}.png")).status == 404
        assert (await client.get("/oembed", url=f"http://x/f/{token}")).status == 404

    async def test_expired_link_is_not_found(self, stranger, clock, publish_and_share):
        """From the second in which it expires."""
        link = await publish_and_share(expires="1h")
        clock.advance(3599)
        assert (await stranger.get(link["image_url"])).status == 200
        clock.advance(1)
        await self.check_gone(stranger, token_of(link))

    async def test_paused_link_is_not_found_until_resumed(self, owner, stranger, publish_and_share):
        """Both take effect at once."""
        link = await publish_and_share()
        assert (await stranger.get(link["image_url"])).status == 200
        await owner.patch(f"/api/links/{link['id']}", {"paused": True})
        await self.check_gone(stranger, token_of(link))
        await owner.patch(f"/api/links/{link['id']}", {"paused": False})
        assert (await stranger.get(link["image_url"])).status == 200

    async def test_revoked_link_is_not_found(self, owner, stranger, publish_and_share):
        """Permanently."""
        link = await publish_and_share()
        assert (await stranger.get(link["url"])).status == 200
        await owner.delete(f"/api/links/{link['id']}")
        await self.check_gone(stranger, token_of(link))

    async def test_link_revoked_by_another_process_is_not_found(self, stranger, context, publish_and_share):
        """Another process on the same data directory revokes it, and the next request here is refused."""
        link = await publish_and_share()
        assert (await stranger.get(link["image_url"])).status == 200
        other = open_store(context.store.directory)
        try:
            found = links.find(other.catalog.reader, link["id"])
            assert found is not None
            await other.links.revoke(found)
        finally:
            other.close()
        await self.check_gone(stranger, token_of(link))

    async def test_link_of_a_deleted_figure_is_not_found(self, owner, stranger, publish_and_share):
        """The links of a figure are deleted with it."""
        link = await publish_and_share()
        await owner.delete(f"/api/figures/{link['figure']}")
        await self.check_gone(stranger, token_of(link))

    async def test_used_up_link_is_not_found(self, stranger, publish_and_share):
        """Except for clients that viewed it within the last ten minutes."""
        link = await publish_and_share(views=1)
        assert (await stranger.with_headers(User_Agent="first").get(link["image_url"])).status == 200
        await self.check_gone(stranger.with_headers(User_Agent="second"), token_of(link))

    async def test_similar_token_is_not_found(self, stranger, publish_and_share):
        """A token that is shorter, longer, in another case or reversed."""
        token = token_of(await publish_and_share())
        for similar in (token[:-1], token + "x", token.swapcase(), token[::-1]):
            await self.check_gone(stranger, similar)

    @pytest.mark.parametrize(
        "path", ["/f/", "/f/x/y/z", "/f/..%2f..%2fetc%2fpasswd", "/f/%00", "/f/a%0d%0ab", "/f/.png"]
    )
    async def test_malformed_addresses_are_not_found(self, stranger, path):
        """Any text after /f/ that is no link is a missing link."""
        answer = await stranger.http.fetch(stranger.prefix + path, raise_error=False)
        other = await stranger.get("/f/" + "x" * 32)
        assert (answer.code, answer.body) == (404, other.body)

    async def test_token_in_the_query_is_rejected(self, owner, stranger, publish_and_share):
        """``?token=`` would log the client in on Jupyter's pages: 400 here, and no cookie."""
        link = await publish_and_share()
        login = owner.headers["Authorization"].removeprefix("token ")
        for path in (link["url"], link["image_url"], "/api/status", "/oembed", "/static/copy.js"):
            answer = await stranger.get(path, token=login)
            assert (answer.status, answer.code) == (400, "token_in_query")
            assert "Set-Cookie" not in answer.headers
