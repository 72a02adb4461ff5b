"""TODO: what it owns."""

from __future__ import annotations

from .handler import Handler


def read_query(handler: Handler, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """All that a query says, in its order."""
    given = handler.request.query_arguments
    return {
        name: [handler.decode_argument(value, name) for value in values]
        for name, values in given.items()
        if name not in without
    }


def known_etags(handler: Handler) -> list[str]:
    """What the client has already."""
    sent = handler.request.headers.get("If-None-Match", "")
    return [tag.strip().removeprefix("W/") for tag in sent.split(",") if tag.strip()]
