"""Links that others share with a person: with the person, a group, or the whole Hub. Server process.

Links for anyone are never listed: their address is all that protects them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....errors import Conflict
from ....model.audiences import AUDIENCES, HUB, PEOPLE, is_wider
from ....model.links import Link
from ....store.store import Store
from ..auth.principal import Principal
from .titles import find_title_and_owner
from .tokens import LinkTokens


@dataclass(frozen=True)
class SharedItem:
    """A link of another person.

    Parameters
    ----------
    title
        Of what it shows.
    owner
        Who shares it.
    token
        None when the address is not known any more.
    """

    link: Link
    title: str
    owner: str
    token: str | None


async def list_shared(
    store: Store,
    tokens: LinkTokens,
    max_audience: str,
    viewer: Principal,
    limit: int,
    cursor: str | None,
) -> tuple[Sequence[SharedItem], str | None]:
    """Return one page of the open links that others share with a person, newest first, and the cursor of the next.

    Raises
    ------
    InvalidInput
        When the cursor is not valid.
    """
    audiences = [name for name in AUDIENCES if name in (PEOPLE, HUB) and not is_wider(name, max_audience)]
    found, following = await store.links.list_shared(
        viewer.person, viewer.groups, audiences, store.clock(), limit, cursor
    )
    items = [await _describe(store, tokens, link) for link in found]
    return [item for item in items if item is not None], following


async def _describe(store: Store, tokens: LinkTokens, link: Link) -> SharedItem | None:
    described = await find_title_and_owner(store, link)
    if described is None:
        return None
    try:
        return SharedItem(link, *described, tokens.get(link))
    except Conflict:
        return SharedItem(link, *described, None)
