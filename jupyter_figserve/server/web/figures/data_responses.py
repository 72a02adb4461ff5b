"""Responses with the data of a figure: CSV and JSON. Server process."""

from __future__ import annotations

from ....model.figures import sha256_hex
from ....model.formats import DATA_FORMATS
from ..http.representation import RepresentationResponse


def csv_response(
    body: bytes, number: int | None, name: str, cache_control: str, *, is_public: bool
) -> RepresentationResponse:
    """Return the response with a table of a figure, or with all in one.

    Parameters
    ----------
    number
        The number of the table; None for all.
    """
    filename = f"{name}.csv" if number is None else f"{name}-{number}.csv"
    return _respond("csv", body, filename, cache_control, is_public=is_public)


def json_response(body: bytes, name: str, cache_control: str, *, is_public: bool) -> RepresentationResponse:
    """Return the response with all tables of a figure."""
    return _respond("json", body, f"{name}.json", cache_control, is_public=is_public)


def _respond(format: str, body: bytes, filename: str, cache_control: str, *, is_public: bool) -> RepresentationResponse:
    row = DATA_FORMATS[format]
    return RepresentationResponse(row, sha256_hex(body), filename, cache_control, body, is_public=is_public)
