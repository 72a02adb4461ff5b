"""Users of a Hub that are deleted, renamed, and created anew under the same name."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Forbidden, Unauthorized
from jupyter_figserve.model.keys import split_key
from jupyter_figserve.server.services.auth.owner_guard import CHECK_SECONDS, OwnerGuard, Standing

from ...making import FakeDirectory


@pytest.fixture
def directory() -> FakeDirectory:
    return FakeDirectory({"ada": "2026-01-01T00:00:00Z", "bob": "2026-01-02T00:00:00Z"})


@pytest.fixture
def guard(context, clock, directory) -> OwnerGuard:
    return OwnerGuard(context.store, directory)


async def later(guard: OwnerGuard, clock, owner: str = "ada") -> Standing:
    """Return the standing once the remembered one is too old."""
    clock.advance(CHECK_SECONDS + 1)
    return await guard.find_standing(owner)


@pytest.fixture
def ada(owner, make_key):
    async def make():
        return owner.with_key(await make_key("publish", "read", owner="ada"))

    return make


async def test_answer_is_remembered_for_half_a_minute(guard, clock, directory):
    """The Hub is not asked for each request."""
    for _ in range(3):
        await guard.check_login("ada")
    assert directory.asked == ["ada"]
    assert await later(guard, clock) is Standing.SAME
    assert directory.asked == ["ada", "ada"]


async def test_another_login_is_checked_anew(guard, clock, directory, ada):
    """A new user of the name is not taken for the earlier one, whose login is remembered."""
    await (await ada()).publish()
    await guard.check_login("ada", "first token")
    directory.users["ada"] = "2026-09-09T00:00:00Z"
    with pytest.raises(Forbidden):
        await guard.check_login("ada", "second token")


async def test_deleted_users_keys_end(guard, clock, directory, ada):
    """They name the reason; figures and links stay."""
    client = await ada()
    await client.publish()
    await guard.check_login("ada")
    del directory.users["ada"]
    assert await later(guard, clock) is Standing.DEPARTED
    with pytest.raises(Unauthorized, match="no longer knows ada"):
        await guard.check_key("ada")
    assert (await guard._store.owners.describe("ada")).figures == 1


@pytest.mark.parametrize("created", ["2026-09-09T00:00:00Z", ""])
@pytest.mark.parametrize("is_noticed", [True, False])
async def test_new_user_of_the_name_gets_nothing(guard, clock, directory, ada, created, is_noticed):
    """Whether or not the deletion was noticed, where the Hub tells when users were created; else where it was."""
    await (await ada()).publish()
    await guard.check_login("ada")
    if is_noticed:
        del directory.users["ada"]
        assert await later(guard, clock) is Standing.DEPARTED
    directory.users["ada"] = created
    expected = Standing.REPLACED if is_noticed or created else Standing.SAME
    assert await later(guard, clock) is expected
    if expected is Standing.REPLACED:
        with pytest.raises(Forbidden, match="earlier user of that name"):
            await guard.check_login("ada")
        with pytest.raises(Unauthorized):
            await guard.check_key("ada")
        await guard.confirm("ada")
        await guard.check_login("ada")


async def test_new_user_starts_once_everything_is_transferred(guard, clock, directory, context, owner, ada):
    """The name is free again; links of others for the earlier person are not for the new one."""
    await (await ada()).publish()
    link = await owner.share(await owner.publish())
    await guard.check_login("ada")
    await context.store.links.change(
        await context.store.links.find(link["id"]), {"audience": "people", "users": ("ada", "eve"), "groups": ()}
    )
    directory.users["ada"] = "2026-09-09T00:00:00Z"
    assert await later(guard, clock) is Standing.REPLACED
    await context.store.owners.transfer("ada", "bob", is_renamed=False)
    assert await later(guard, clock) is Standing.SAME
    assert (await context.store.links.find(link["id"])).users == ("eve",)


async def test_answer_from_before_a_confirmation_is_not_remembered(guard, clock, directory, ada, monkeypatch):
    """The Hub was being asked about a login while an administrator said that it is the same person."""
    await (await ada()).publish()
    await guard.check_login("ada")
    directory.users["ada"] = "2026-09-09T00:00:00Z"
    really_compare = guard._compare

    async def compare_and_confirm(*arguments):
        monkeypatch.setattr(guard, "_compare", really_compare)
        standing = await really_compare(*arguments)
        await guard.confirm("ada")
        return standing

    monkeypatch.setattr(guard, "_compare", compare_and_confirm)
    assert await later(guard, clock) is Standing.REPLACED
    await guard.check_login("ada")


async def test_rename_is_recognized(guard, clock, directory, context, ada):
    """The Hub created both names at the same moment; after the transfer keys go on."""
    client = await ada()
    await client.publish()
    await guard.check_login("ada")
    directory.users["ada-l"] = directory.users.pop("ada")
    await guard.check_login("ada-l")
    assert await later(guard, clock) is Standing.DEPARTED
    assert await context.store.owners.find_namesake("ada") == "ada-l"
    await context.store.owners.transfer("ada", "ada-l", is_renamed=True)
    assert (await context.store.keys.find(split_key(client.headers["X-API-Key"])[0])).owner == "ada-l"
    assert await later(guard, clock, "ada-l") is Standing.SAME


async def test_nothing_is_refused_where_nothing_is_known(guard, clock, directory, ada):
    """A Hub that does not answer, owners who never were users of it, and users who come back."""
    await (await ada()).publish()
    assert await guard.find_standing("nightly") is Standing.SAME
    await guard.check_login("ada")
    created = directory.users.pop("ada")
    assert await later(guard, clock) is Standing.DEPARTED
    directory.users["ada"] = created
    assert await later(guard, clock) is Standing.SAME
    directory.is_silent = True
    assert await later(guard, clock) is Standing.SAME


async def test_site_that_trusts_names(context, clock, directory, ada):
    """The new user of the name is the owner."""
    guard = OwnerGuard(context.store, directory, is_trusting=True)
    await (await ada()).publish()
    await guard.check_login("ada")
    directory.users["ada"] = "2026-09-09T00:00:00Z"
    assert await later(guard, clock) is Standing.SAME
