"""Links of published objects: the methods that figures, live figures and dashboards have in common. Kernel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import InvalidInput
from ...model.links import DEFAULT_LINK_LIFE
from ..client.client import FigServeClient
from .shared_link import SharedLink


class Shareable(ABC):
    """A published object that links can be made to."""

    @property
    @abstractmethod
    def name(self) -> str: ...

    @abstractmethod
    def _links_api(self) -> tuple[FigServeClient, str]:
        """Return the client and the API path of this object's links."""

    def links(self) -> list[SharedLink]:
        """List its links; the URL of a link is shown only when the link is made."""
        client, path = self._links_api()
        return [SharedLink(entry, client, self.name) for entry in client.get(path)["links"]]

    def _create_link(self, options: dict[str, Any]) -> SharedLink:
        client, path = self._links_api()
        return SharedLink(client.post(path, options), client, self.name)


class ShareableWithParameters(Shareable):
    """A published object with parameters, which a link locks or lets viewers change."""

    @abstractmethod
    def _locked_values(self, lock: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON values of the parameters to lock.

        Raises
        ------
        InvalidInput
            A parameter does not exist, or does not allow the value.
        """

    def share(
        self,
        expires: str | float = DEFAULT_LINK_LIFE,
        *,
        lock: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
        label: str | None = None,
    ) -> SharedLink:
        """Make a link that works without an account.

        Parameters
        ----------
        expires
            ``"12h"``, ``"30d"``, an RFC 3339 time, a number of seconds, or ``"never"``.
        lock
            Values that the link always shows. Parameters that are neither locked nor allowed keep their defaults.
        allow
            Names of the parameters that viewers can change, within their bounds.
        label
            A note for yourself, shown in lists of links.
        """
        if isinstance(allow, str):
            raise InvalidInput(f"allow must be a list of names, such as [{allow!r:.60}].")
        options = {"expires": expires, "lock": self._locked_values(lock or {}), "allow": list(allow), "label": label}
        return self._create_link(options)
