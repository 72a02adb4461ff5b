"""Keys over HTTP: created by a login, shown once, listed, expired, revoked."""

from __future__ import annotations

from jupyter_figserve.model.times import rfc3339
from jupyter_figserve.server.services.auth.principal import Principal


async def make(owner, **fields) -> dict:
    answer = await owner.post("/api/keys", {"scopes": ["read"], **fields})
    assert answer.status == 201
    return answer.json()


async def test_key_is_shown_once_and_works(owner, stranger, context):
    """Only the response to its creation has the key, and no file has it."""
    key = await make(owner, label="for CI")
    assert (await stranger.with_key(key["key"]).get("/api/figures")).status == 200
    secret = key["key"].split("_", 2)[2]
    for path in ("/api/keys", f"/api/keys/{key['id']}"):
        assert secret not in (await owner.get(path)).text
    for file in context.store.directory.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()


async def test_key_expires_after_ninety_days_by_default(owner, clock):
    """ "never" must be explicit."""
    ends = [(await make(owner, **fields))["expires"] for fields in ({}, {"expires": None}, {"expires": "never"})]
    assert ends == [rfc3339(clock.now + 90 * 86_400)] * 2 + [None]


async def test_expired_key_is_rejected(owner, stranger, clock):
    """From the second in which it expires, with the message of an unknown key."""
    client = stranger.with_key((await make(owner, expires="1h"))["key"])
    clock.advance(3599)
    assert (await client.get("/api/figures")).status == 200
    clock.advance(1)
    answer = await client.get("/api/figures")
    assert (answer.status, answer.code) == (401, "bad_key")


async def test_revoked_key_is_rejected_at_once(owner, stranger):
    """And lists omit it."""
    key = await make(owner)
    assert (await owner.delete(f"/api/keys/{key['id']}")).status == 204
    assert (await stranger.with_key(key["key"]).get("/api/figures")).status == 401
    assert (await owner.get("/api/keys")).json()["keys"] == []
    assert (await owner.delete(f"/api/keys/{key['id']}")).status == 404


async def test_key_cannot_create_keys(stranger, make_key):
    """Not even with every scope."""
    client = stranger.with_key(await make_key("read", "publish", "render", "admin"))
    answer = await client.post("/api/keys", {"scopes": ["read"]})
    assert (answer.status, answer.code) == (403, "keys_make_no_keys")
    assert len((await client.get("/api/keys")).json()["keys"]) == 1


async def test_kernels_keys_are_not_listed(owner, make_key):
    """They are internal to the server."""
    await make_key("read", kernel="k1")
    assert (await owner.get("/api/keys")).json()["keys"] == []


INVALID = (
    {},
    {"scopes": []},
    {"scopes": "read"},
    {"scopes": ["root"]},
    {"scopes": [1]},
    {"scopes": [["read"]]},
    {"scopes": ["read"], "expires": 0},
    {"scopes": ["read"], "expires": ""},
    {"scopes": ["read"], "label": 1},
    {"scopes": ["read"], "owner": "root"},
)


async def test_invalid_request_is_rejected(owner):
    """400, and no key is created."""
    for body in INVALID:
        assert (await owner.post("/api/keys", body)).status == 400, body
    assert (await owner.get("/api/keys")).json()["keys"] == []


async def test_newest_is_first(owner, clock):
    """Up to the limit."""
    for label in "abc":
        clock.advance(1)
        await make(owner, label=label)
    assert [key["label"] for key in (await owner.get("/api/keys", limit=2)).json()["keys"]] == ["c", "b"]


class TestManyPeople:
    """Where several people log in to one server."""

    async def test_everybody_manages_only_their_own(self, owner, stranger, log_in_as, make_key):
        """Another person's key is not listed, not found and not revoked; its maker is named."""
        key = await make(owner, label="mine")
        assert (key["owner"], key["maker"]) == ("local", "local")
        log_in_as(Principal("bob", frozenset({"read", "publish", "render"})))
        own = await make(owner)
        assert (own["owner"], own["maker"]) == ("bob", "bob")
        assert [one["id"] for one in (await owner.get("/api/keys")).json()["keys"]] == [own["id"]]
        for answer in (await owner.get(f"/api/keys/{key['id']}"), await owner.delete(f"/api/keys/{key['id']}")):
            assert answer.status == 404
        assert (await stranger.with_key(key["key"]).get("/api/figures")).status == 200

    async def test_keys_have_no_rights_beyond_their_makers(self, owner, log_in_as):
        """403 names the scope."""
        log_in_as(Principal("bob", frozenset({"read", "publish"})))
        for scope in ("admin", "render"):
            answer = await owner.post("/api/keys", {"scopes": ["read", scope]})
            assert (answer.status, answer.code) == (403, "scope_missing")
            assert scope in answer.json()["error"]
        assert (await owner.get("/api/keys")).json()["keys"] == []

    async def test_administrators_manage_all(self, owner, log_in_as):
        """A login with the scope admin lists and revokes everybody's."""
        key = await make(owner)
        log_in_as(Principal("root", frozenset({"read", "publish", "admin"})))
        assert [one["id"] for one in (await owner.get("/api/keys")).json()["keys"]] == [key["id"]]
        assert (await owner.delete(f"/api/keys/{key['id']}")).status == 204

    async def test_guests_look_and_change_nothing(self, owner, log_in_as, context):
        """A guest reads the owner's figures, and neither publishes, shares nor makes keys."""
        figure = await owner.publish()
        log_in_as(Principal("local", frozenset({"read"}), person="bob", advice="Only local can change them."))
        assert (await owner.get(f"/api/figures/{figure['id']}")).status == 200
        for answer in (
            await owner.post("/api/keys", {"scopes": ["read"]}),
            await owner.get("/api/keys"),
            await owner.post(f"/api/figures/{figure['id']}/links", {}),
            await owner.delete(f"/api/figures/{figure['id']}"),
        ):
            assert (answer.status, answer.code) == (403, "scope_missing")
            assert answer.json()["error"].endswith("Only local can change them.")
        assert await context.store.keys.list() == []
        assert await context.store.figures.find(figure["id"]) is not None
