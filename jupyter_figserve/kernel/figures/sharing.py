"""Links of published objects: the methods that figures, live figures and dashboards have in common. Kernel."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from ...model.links import DEFAULT_LINK_LIFE
from ...model.times import Expiry, write_expiry
from ..arguments import check_values, list_names
from ..client.client import FigServeClient
from ..client.stored_servers import client_of_server
from ..options import SHARE_LIVE, explain_options
from .audience_options import audience_options
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
        """List its links, newest first.

        Returns
        -------
        list of SharedLink
            Each with its ``url``, to copy it again.
        """
        client, path = self._links_api()
        return [SharedLink(entry, client, self.name) for entry in client.get(path)["links"]]

    def _create_link(self, options: dict[str, Any]) -> SharedLink:
        client, path = self._links_api()
        if options.get("server") is None:
            options.pop("server", None)
        options = options | {"expires": write_expiry(options["expires"], time.time())}
        made = client.post(path, options)
        elsewhere = made.get("server")
        return SharedLink(made, client_of_server(elsewhere) if elsewhere else client, self.name)


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

    @explain_options(SHARE_LIVE)
    def share(
        self,
        expires: Expiry = DEFAULT_LINK_LIFE,
        *,
        lock: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
        label: str | None = None,
        views: int | None = None,
        audience: str | None = None,
        users: Iterable[str] = (),
        groups: Iterable[str] = (),
    ) -> SharedLink:
        """Make a link, which works without an account unless it is for certain people.

        Parameters
        ----------
        expires
            ``"12h"``, ``"30d"``, ``"1h30m"``, a ``timedelta``, a date (its end), a ``datetime``, or ``"never"``;
            without a zone of their own, dates and times are in yours.
        lock
            Values that the link always shows. Parameters that are neither locked nor allowed keep their defaults.
        allow
            Names of the parameters that viewers can change, within their bounds.
        label
            A note for yourself, shown in lists of links.
        views
            How many viewers may open it; None for any number.
        audience, users, groups
            Whom it is for, as in ``Published.share``.

        Returns
        -------
        SharedLink
            The link, with its ``url`` and snippets to paste.

        Raises
        ------
        InvalidInput
            A parameter does not exist or does not allow the value, or the server does not allow an option.
        """
        values = {"lock": self._locked_values(check_values(lock, "lock")), "allow": list_names(allow, "allow")}
        people = audience_options(audience, users, groups)
        return self._create_link({"expires": expires, "label": label, "views": views, **values, **people})
