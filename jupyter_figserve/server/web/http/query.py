"""Reads query strings and JSON bodies. Server process."""

from __future__ import annotations

import json
from typing import Any

from tornado.escape import parse_qs_bytes

from ....errors import InvalidInput
from ....model.fields import check_field_names, int_field
from ....model.places import strip_drive
from ....model.queries import DEFAULT_LIMIT, MAX_LIMIT
from ....model.query_names import is_tracker, read_query_name
from ....model.texts import to_nfc
from .request_body import RequestBodyMixin

JUPYTER_ARGUMENTS = ("token",)
"""Query arguments of Jupyter, which no page or function of ours reads."""
_MAX_INT = 10**9 - 1


class QueryMixin(RequestBodyMixin):
    """Adds readers of the query and of a JSON body to a handler."""

    def read_query_names(self) -> None:
        """Replace the names in the query, which tornado decodes as Latin-1, by what they mean."""
        for arguments in (self.request.query_arguments, self.request.arguments):
            for name in [name for name in arguments if not name.isascii() or name.startswith("amp;")]:
                arguments.setdefault(read_query_name(name), []).extend(arguments.pop(name))

    def add_query(self, query: str) -> None:
        """Add a query that arrived in the path, because its question mark was escaped."""
        for name, values in parse_qs_bytes(query.encode(), keep_blank_values=True).items():
            for arguments in (self.request.query_arguments, self.request.arguments):
                arguments.setdefault(name, []).extend(values)
        self.request.query = "&".join(part for part in (self.request.query, query) if part)
        self.read_query_names()

    def raw_query_argument(self, name: str) -> str:
        """Return the raw query argument; tornado's ``get_query_argument`` strips it and replaces control characters."""
        return self.decode_argument(self.request.query_arguments[name][-1], name)

    def raw_query(self) -> dict[str, str]:
        """Return all raw query arguments except those that browsers, proxies and trackers add."""
        return {name: self.raw_query_argument(name) for name in self.request.query_arguments if not is_tracker(name)}

    def query_values(self, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
        """Return the values of all query arguments in order, except those named in ``without``."""
        return {
            name: [self.decode_argument(value, name) for value in values]
            for name, values in self.request.query_arguments.items()
            if name not in without
        }

    def find_name(self, name: str) -> str | None:
        """Return a query argument that names something of ours, in NFC as names are kept; None without one."""
        value = self.get_query_argument(name, None)
        return None if value is None else to_nfc(value)

    def find_notebook(self) -> str | None:
        """Return the path of the notebook in the query, as the server writes it; None without one."""
        value = self.get_query_argument("notebook", None)
        return None if value is None else strip_drive(value)

    def int_argument(self, name: str) -> int | None:
        """Return a whole number of the query, None without one.

        Raises
        ------
        InvalidInput
            When it is not a whole number of at least 1.
        """
        return int_field({name: self.get_query_argument(name, None)}, name, None, 1, _MAX_INT)

    def limit_argument(self) -> int:
        """Return the ``limit`` of a list: its maximum number of records, at most ``MAX_LIMIT``.

        Raises
        ------
        InvalidInput
            When it is not a whole number of at least 1.
        """
        return min(self.int_argument("limit") or DEFAULT_LIMIT, MAX_LIMIT)

    def json_body(self, allowed: tuple[str, ...]) -> dict[str, Any]:
        """Return the JSON object in the request's body; an empty body is an empty object.

        Raises
        ------
        InvalidInput
            When it is not a JSON object, or has a field that is not in ``allowed``.
        TooLarge
            Beyond ``body_limit`` bytes.
        """
        data = parse_json_object(self.read_body())
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
