"""Arguments of the query as handlers read them."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.server.web.http.query import QueryMixin


class Query(QueryMixin):
    """A query without a request."""

    def __init__(self, **arguments: str) -> None:
        self._given = arguments

    def get_query_argument(self, name: str, default: Any = None, strip: bool = True) -> Any:
        return self._given.get(name, default)


@pytest.mark.parametrize(("given", "limit"), [({}, 50), ({"limit": "1"}, 1), ({"limit": "1000"}, 1_000)])
def test_a_list_has_a_limit(given, limit):
    """The one of the query, else the default."""
    assert Query(**given).limit_argument() == limit


@pytest.mark.parametrize("limit", ["1001", "999999999"])
def test_a_larger_limit_is_clamped(limit):
    """To the maximum, so that no request reads a whole catalog at once."""
    assert Query(limit=limit).limit_argument() == 1_000


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5", ""])
def test_a_wrong_limit_is_refused(limit):
    """The message names the argument."""
    with pytest.raises(InvalidInput, match="limit"):
        Query(limit=limit).limit_argument()
