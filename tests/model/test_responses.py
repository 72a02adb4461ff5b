"""Responses with a status of their own."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.responses import Response, is_status


def test_status():
    """Statuses with a body are allowed; redirects and invalid statuses are not."""
    assert Response({}).status == 200
    assert type(Response({}, HTTPStatus.NOT_FOUND).status) is int
    assert all(map(is_status, (200, 201, 299, 400, 418, 422, 599)))
    for status in (99, 100, 204, 206, 301, 304, 600, True, "422", 422.0, None):
        assert not is_status(status), status
        with pytest.raises(InvalidInput, match="200, 404 or 422"):
            Response({}, status)
