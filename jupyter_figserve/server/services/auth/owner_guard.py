"""Whether an owner's name still means the same person, as a JupyterHub gives names anew. Server process.

The catalog remembers when the Hub created each owner. A later user of the same name gets nothing of the
earlier one until an administrator has decided.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ....errors import Forbidden, Unauthorized
from ....model.owners import OwnerPerson
from ....store.store import Store
from .directory import Directory, Lookup

CHECK_SECONDS = 30.0
"""Time for which the answer about an owner is remembered."""
_MAX_REMEMBERED = 10_000


class Standing(enum.Enum):
    """What an owner's name means in the directory."""

    SAME = "same"
    """The name is still that of the person who published under it, as far as known."""
    DEPARTED = "departed"
    """No user has the name any more."""
    REPLACED = "replaced"
    """Another user, who was created later, has the name."""


_LOGIN_OF_ANOTHER = (
    "What is stored here under the name {owner} belongs to an earlier user of that name. Ask an administrator to"
    " transfer it, or to confirm that it is yours (Administration, {owner})."
)
_KEY_OF_NOBODY = (
    "The JupyterHub no longer knows {owner}, so this key has ended. An administrator can transfer what {owner}"
    " published."
)


@dataclass(frozen=True)
class _Remembered:
    standing: Standing
    until: float


class OwnerGuard:
    """Checks owners against the directory.

    Parameters
    ----------
    is_trusting
        Whether a name alone is the person (``FigServe.trust_hub_names``).
    """

    def __init__(self, store: Store, directory: Directory, *, is_trusting: bool = False) -> None:
        self._store = store
        self.directory = directory
        self._is_trusting = is_trusting
        self._remembered: dict[tuple[str, str], _Remembered] = {}
        self._changes = 0

    async def check_login(self, owner: str, login: str = "") -> None:
        """Require that nothing of an earlier person is stored under the name of a user who has logged in.

        Parameters
        ----------
        login
            Distinguishes the logins of a name: what is remembered of one says nothing about another.

        Raises
        ------
        Forbidden
            Otherwise.
        """
        if await self.find_standing(owner, login) is Standing.REPLACED:
            raise Forbidden(_LOGIN_OF_ANOTHER.format(owner=owner), code="name_reused")

    async def check_key(self, owner: str) -> None:
        """Require that the owner of a key is still there.

        Raises
        ------
        Unauthorized
            Otherwise.
        """
        if await self.find_standing(owner) is not Standing.SAME:
            raise Unauthorized(_KEY_OF_NOBODY.format(owner=owner), code="owner_gone")

    async def find_standing(self, owner: str, login: str = "") -> Standing:
        now = self._store.clock()
        known = self._remembered.get((owner, login))
        if known is not None and now < known.until <= now + CHECK_SECONDS:
            return known.standing
        changes = self._changes
        found = await self.directory.find_user(owner)
        standing = Standing.SAME if found.is_known is None else await self._compare(owner, found, now)
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
        if changes == self._changes:
            # Else an administrator has changed something since it was asked for.
            self._remembered[owner, login] = _Remembered(standing, now + CHECK_SECONDS)
        return standing

    async def confirm(self, owner: str) -> None:
        """Record that the user who has the name now is the same person as before."""
        found = await self.directory.find_user(owner)
        await self._store.owners.adopt(owner, found.created)
        self.forget(owner)

    def forget(self, owner: str) -> None:
        """Ask anew: an administrator has changed something."""
        self._changes += 1
        for known in [known for known in self._remembered if known[0] == owner]:
            del self._remembered[known]

    async def _compare(self, owner: str, found: Lookup, now: float) -> Standing:
        owners = self._store.owners
        record = await owners.find_person(owner)
        if not found.is_known:
            # Owners whom the Hub never knew are names that an administrator gave to keys.
            if record.created is None:
                return Standing.SAME
            await self._note_departure(owner, record, now)
            return Standing.DEPARTED
        if record.is_same(found.created):
            if record != OwnerPerson(found.created) and not self._is_read_only:
                await owners.adopt(owner, found.created)
            return Standing.SAME
        if not self._is_trusting and await owners.has_anything(owner):
            await self._note_departure(owner, record, now)
            return Standing.REPLACED
        if not self._is_read_only:
            await owners.adopt(owner, found.created)
        return Standing.SAME

    async def _note_departure(self, owner: str, record: OwnerPerson, now: float) -> None:
        if record.departed is None and not self._is_read_only:
            await self._store.owners.mark_departed(owner, now)

    @property
    def _is_read_only(self) -> bool:
        return self._store.read_only_because is not None
