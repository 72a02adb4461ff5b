"""Names of people and groups in links."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.server.services.auth.directory import NoDirectory
from jupyter_figserve.server.services.links.names import check_names

from ...making import FakeDirectory

DIRECTORY = FakeDirectory({"ada": "", "bob": ""}, ("lab",))


async def test_known_names_pass():
    """And all names where nothing can be told about them."""
    await check_names(DIRECTORY, ["ada", "bob"], ["lab"])
    await check_names(NoDirectory(), ["whoever"], ["whatever"])


@pytest.mark.parametrize(
    ("users", "groups", "message", "code"),
    [
        (["ada", "bbo"], [], "no user 'bbo'. Check the spelling; a user who has never logged in there", "unknown_user"),
        (["Ada"], [], "no user 'Ada'. Did you mean 'ada'?", "unknown_user"),
        (["bob@example.org"], [], "Did you mean 'bob'?", "unknown_user"),
        ([], ["labs"], "no group 'labs'. Check the spelling, or name the people", "unknown_group"),
    ],
)
async def test_unknown_name_is_named(users, groups, message, code):
    """With a hint."""
    with pytest.raises(InvalidInput) as caught:
        await check_names(DIRECTORY, users, groups)
    assert message in caught.value.message
    assert caught.value.code == code
