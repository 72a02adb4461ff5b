"""Links with the titles of what they show, for their owners and for administrators. Server process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....errors import InvalidInput
from ....model.links import Link
from ....store.store import Store
from .titles import find_title_and_owner

ORDERS = ("views", "newest")


@dataclass(frozen=True)
class DescribedLink:
    """A link with the title and the owner of what it shows."""

    link: Link
    title: str
    owner: str


async def list_described(
    store: Store, order: str, owner: str | None, limit: int, cursor: str | None
) -> tuple[Sequence[DescribedLink], str | None]:
    """Return one page of links, the most viewed or the newest first, and the cursor of the next (None at the end).

    Parameters
    ----------
    order
        One of ``ORDERS``.
    owner
        None for those of all owners.

    Raises
    ------
    InvalidInput
        When the order or the cursor is not valid.
    """
    if order not in ORDERS:
        raise InvalidInput(f"order={order[:40]!r}: expected one of {', '.join(ORDERS)}.")
    if order == "views":
        found, following = await store.links.list_by_views(owner, limit, cursor)
    else:
        found, following = await store.links.list_page(owner, None, limit, cursor)
    return await _describe(store, found), following


async def list_own(
    store: Store, owner: str | None, figure: str | None, limit: int, cursor: str | None
) -> tuple[Sequence[DescribedLink], str | None]:
    """Return one page of an owner's links, newest first, and the cursor of the next (None at the end).

    Parameters
    ----------
    owner
        None for those of all owners.
    figure
        Only links to this figure; None for any.

    Raises
    ------
    InvalidInput
        When the cursor is not valid.
    """
    found, following = await store.links.list_page(owner, figure, limit, cursor)
    return await _describe(store, found), following


async def _describe(store: Store, links: Sequence[Link]) -> list[DescribedLink]:
    described = [(link, await find_title_and_owner(store, link)) for link in links]
    return [DescribedLink(link, *words) for link, words in described if words is not None]
