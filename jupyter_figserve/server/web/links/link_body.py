"""Parses the bodies of requests that create or change a link. Server process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....errors import Conflict, InvalidInput
from ....model.links import DEFAULT_LINK_LIFE, Link, Target, check_label, new_link_id
from ....model.times import parse_expiry
from .link_targets import LinkTarget

CHANGE_FIELDS = ("paused", "expires", "label")
_AUDIENCES = ("link", "hub", "people")


class LinkParser:
    """Parses requests, within the server's limit on the lifetime of links.

    Parameters
    ----------
    max_age
        Maximum lifetime of a link in seconds, None for no limit.
    """

    def __init__(self, max_age: float | None, now: float) -> None:
        self._max_age = max_age
        self._now = now

    def parse_new(self, body: Mapping[str, Any], link_target: LinkTarget, target: Target) -> Link:
        """Return the requested link, without a token.

        Raises
        ------
        InvalidInput
            When a field is wrong; the message names it.
        Conflict
            When its audience is people or groups, which only a JupyterHub knows.
        """
        _check_audience(body, link_target)
        return Link(
            id=new_link_id(),
            token_hash="",
            target=target,
            created=self._now,
            expires=self._parse_expires(body.get("expires", DEFAULT_LINK_LIFE), self._now),
            label=check_label(body.get("label")),
            **link_target.parse_options(body),
        )

    def parse_changes(self, body: Mapping[str, Any], link: Link) -> dict[str, Any]:
        """Return the fields of a link that a request changes, or raise ``InvalidInput``."""
        changes: dict[str, Any] = {}
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


def _check_audience(body: Mapping[str, Any], link_target: LinkTarget) -> None:
    audience = body.get("audience") or "link"
    if link_target.takes_audiences and audience not in _AUDIENCES:
        raise InvalidInput('audience must be "link", "hub" or "people".')
    if audience != "link" or body.get("users") or body.get("groups"):
        raise Conflict('Only a JupyterHub knows people and groups. Set audience to "link".', code="no_hub")
