"""Links: their tokens, their targets and their views. Server process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from ...errors import NotFound
from ...model.figures import FigureRecord
from ...model.links import FIGURE, Link, Target
from ...model.queries import DEFAULT_LIMIT
from ..catalog import figures, link_targets, links
from ..catalog.database import Catalog
from .repository import Repository


class LinkRepository(Repository):
    """Finds, adds, changes and revokes links, and counts their views.

    Parameters
    ----------
    write_manifest
        Brings the manifest of a target up to date, in a write transaction.
    """

    def __init__(self, catalog: Catalog, write_manifest: Callable[[Connection, Target], None]) -> None:
        super().__init__(catalog)
        self._write_manifest = write_manifest

    async def find(self, link_id: str) -> Link | None:
        return await self._read(links.find, link_id)

    async def find_by_token(self, token: str) -> Link | None:
        return await self._read(links.find_by_token, token)

    async def find_shown(self, token: str) -> tuple[Link | None, FigureRecord | None]:
        """Return the link of a token, and the figure that it shows, with one use of a connection."""
        return await self._read(_find_shown, token)

    async def list_for_target(self, target: Target) -> Sequence[Link]:
        """Return the links to one target, newest first."""
        return await self._read(links.list_for_target, target)

    async def list_page(
        self, owner: str | None, figure: str | None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> tuple[Sequence[Link], str | None]:
        """Return one page of links, newest first, and the cursor of the next (None at the end).

        Parameters
        ----------
        owner, figure
            Only links to what this owner has, or to this figure; None for any.

        Raises
        ------
        InvalidInput
            When the cursor is not valid.
        """
        return await self._read(links.list_page, owner, figure, limit, cursor)

    async def list_by_views(
        self, owner: str | None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> tuple[Sequence[Link], str | None]:
        """Return one page of links, the most viewed first, as ``list_page``."""
        return await self._read_in_thread(links.list_page, owner, None, limit, cursor, by_views=True)

    async def list_shared(
        self,
        person: str,
        groups: Collection[str],
        audiences: Collection[str],
        now: float,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
    ) -> tuple[Sequence[Link], str | None]:
        """Return one page of the open links that others share with a person, as ``list_page``."""
        return await self._read(links.list_shared, person, groups, audiences, now, limit, cursor)

    async def count_open(self, targets: Collection[str], now: float, kind: str = FIGURE) -> dict[str, int]:
        """Count the open links to each of these figures, live figures or dashboards."""
        return await self._read(links.count_open, targets, now, kind)

    async def add(self, link: Link) -> None:
        """Add a link.

        Raises
        ------
        Conflict
            When its target is gone.
        """

        def change(connection: Connection) -> None:
            link_targets.check_exists(connection, link)
            links.add(connection, link)
            self._write_manifest(connection, link.target)

        await self._write(change)

    async def change(self, link: Link, changes: dict[str, Any] | Callable[[Link], dict[str, Any]]) -> Link:
        """Change fields of a link, and return it with what others have changed meanwhile.

        Parameters
        ----------
        changes
            Values by field; or a function that returns them for the link as it is then, where they depend on others.

        Raises
        ------
        NotFound
            When it has been revoked, or what it shows was deleted.
        """

        def change(connection: Connection) -> Link:
            link_targets.lock(connection, link.target)
            current = links.find(connection, link.id)
            if current is None:
                raise NotFound("There is no such link.")
            links.change(connection, link.id, changes(current) if callable(changes) else changes)
            self._write_manifest(connection, link.target)
            changed = links.find(connection, link.id)
            assert changed is not None
            return changed

        return await self._write(change)

    async def revoke(self, link: Link) -> None:
        """Remove a link; one that was revoked before is no error.

        Raises
        ------
        NotFound
            When what it shows has just been deleted: the link would come back with it.
        """

        def change(connection: Connection) -> None:
            link_targets.lock(connection, link.target)
            if not links.remove(connection, link.id) and not link_targets.exists(connection, link):
                raise NotFound("What this link shows has just been deleted. Restore it to revoke the link.")
            self._write_manifest(connection, link.target)

        await self._write(change)

    async def use_view(self, link: Link, client: str, now: float) -> bool:
        """Use up one view, unless this client did so recently; return False when none is left.

        The manifest has the number of views too, so that a rebuilt catalog grants no further ones.
        """

        def use(connection: Connection) -> bool:
            if links.is_known_viewer(connection, link.id, client, now):
                return True
            is_counted = links.count_view(connection, link.id, client, now)
            if is_counted and link.views is not None:
                self._write_manifest(connection, link.target)
            return is_counted

        return await self._write(use)

    async def is_known_viewer(self, link_id: str, client: str, now: float) -> bool:
        """Whether this client used up a view recently."""
        return await self._read(links.is_known_viewer, link_id, client, now)

    async def add_views(self, views: Sequence[tuple[str, str, float]]) -> None:
        """Count views of links without a limit, each a link, a client and a time; known viewers do not count."""
        await self._write(links.add_views, views)


def _find_shown(connection: Connection, token: str) -> tuple[Link | None, FigureRecord | None]:
    link = links.find_by_token(connection, token)
    if link is None or link.target.kind != FIGURE:
        return link, None
    return link, figures.find(connection, link.target.id, link.version)
