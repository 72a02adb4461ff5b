"""Reads query strings and conditional headers. Server process."""

from __future__ import annotations

from .handler import FigServeHandler


def read_query(handler: FigServeHandler, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """All that a query says, in its order."""
    given = handler.request.query_arguments
    return {
        name: [handler.decode_argument(value, name) for value in values]
        for name, values in given.items()
        if name not in without
    }


def known_etags(handler: FigServeHandler) -> list[str]:
    """What the client has already."""
    sent = handler.request.headers.get("If-None-Match", "")
    return [tag.strip().removeprefix("W/") for tag in sent.split(",") if tag.strip()]
