"""Reads query strings and JSON bodies. Server process."""

from __future__ import annotations

import json
from typing import Any

from tornado import web

from ....errors import InvalidInput, TooLarge
from ....model.fields import check_field_names, int_field

_MAX_INT = 10**9 - 1
_MAX_JSON_BYTES = 64 * 1024


class QueryMixin(web.RequestHandler):
    """Adds readers of the query and of a JSON body to a handler."""

    def raw_query_argument(self, name: str) -> str:
        """Return the raw query argument; tornado's ``get_query_argument`` strips it and replaces control characters."""
        return self.decode_argument(self.request.query_arguments[name][-1], name)

    def raw_query(self) -> dict[str, str]:
        """Return all raw query arguments except those of browsers and proxies, which begin with ``_``."""
        return {name: self.raw_query_argument(name) for name in self.request.query_arguments if name[:1] != "_"}

    def query_values(self, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
        """Return the values of all query arguments in order, except those named in ``without``."""
        return {
            name: [self.decode_argument(value, name) for value in values]
            for name, values in self.request.query_arguments.items()
            if name not in without
        }

    def int_argument(self, name: str, default: int | None = None, minimum: int = 1) -> int | None:
        """Return a whole number of the query.

        Raises
        ------
        InvalidInput
            When it is present but not a whole number, or less than ``minimum``.
        """
        values = {name: self.get_query_argument(name, None)}
        return int_field(values, name, default, minimum, _MAX_INT)

    def json_body(self, allowed: tuple[str, ...], limit: int = _MAX_JSON_BYTES) -> dict[str, Any]:
        """Return the JSON object in the request's body; an empty body is an empty object.

        Raises
        ------
        InvalidInput
            When it is not a JSON object, or has a field that is not in ``allowed``.
        TooLarge
            Beyond ``limit`` bytes.
        """
        if len(self.request.body) > limit:
            raise TooLarge(f"The request has more than {limit:,} bytes of JSON.")
        data = parse_json_object(self.request.body)
        check_field_names(data, allowed)
        return data


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in ``body``; an empty body is an empty object.

    Raises
    ------
    InvalidInput
        When it is not one.
    """
    try:
        data = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not valid JSON.", code="invalid_json") from error
    if not isinstance(data, dict):
        raise InvalidInput("The body must be a JSON object.", code="invalid_json")
    return data
