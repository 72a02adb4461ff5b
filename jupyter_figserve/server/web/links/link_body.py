"""Parses the bodies of requests that create or change a link. Server process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....errors import InvalidInput
from ....model.links import DEFAULT_LINK_LIFE, Link, Target, check_label, new_link_id
from ....model.times import parse_expiry
from ...services.links.audience import AudiencePolicy
from .link_targets import COMMON_FIELDS, LinkTarget

CHANGE_FIELDS = ("paused", *COMMON_FIELDS)


class LinkParser:
    """Parses requests, within the server's limits on the lifetime and the audience of links.

    Parameters
    ----------
    max_age
        Maximum lifetime of a link in seconds, None for no limit.
    """

    def __init__(self, max_age: float | None, now: float, audiences: AudiencePolicy) -> None:
        self._audiences = audiences
        self._max_age = max_age
        self._now = now

    def parse_new(self, body: Mapping[str, Any], link_target: LinkTarget, target: Target) -> Link:
        """Return the requested link, without a token.

        Raises
        ------
        InvalidInput
            When a field is wrong; the message names it.
        Conflict, Forbidden
            When the server has no such audience, or allows none as wide.
        """
        return Link(
            id=new_link_id(),
            token_hash="",
            target=target,
            created=self._now,
            expires=self._parse_expires(body.get("expires", DEFAULT_LINK_LIFE), self._now),
            label=check_label(body.get("label")),
            **self._audiences.parse_new(body),
            **link_target.parse_options(body),
        )

    def parse_changes(self, body: Mapping[str, Any], link_target: LinkTarget, link: Link) -> dict[str, Any]:
        """Return the fields of a link that a request changes, as ``parse_new``.

        Raises
        ------
        InvalidInput
            As ``parse_new``.
        """
        changes = self._audiences.parse_changes(body, link) | link_target.parse_changes(body, link)
        if "paused" in body:
            if not isinstance(body["paused"], bool):
                raise InvalidInput("paused must be true or false.")
            changes["paused"] = body["paused"]
        if "expires" in body:
            changes["expires"] = self._parse_expires(body["expires"], link.created)
        if "label" in body:
            changes["label"] = check_label(body["label"])
        return changes

    def _parse_expires(self, value: object, created: float) -> float | None:
        expires = parse_expiry(DEFAULT_LINK_LIFE if value is None else value, self._now)
        max_age = self._max_age
        # One second of grace: the client computed the time before it sent the request.
        if max_age is not None and (expires is None or expires > created + max_age + 1):
            raise InvalidInput(
                f"Links on this server expire after at most {max_age / 86_400:g} days (FigServe.link_max_age). Choose"
                " an earlier time.",
                code="link_too_long",
            )
        return expires
