"""Tokens for links that a test puts into the store itself."""

from __future__ import annotations

import secrets


def new_token() -> str:
    """Return a token that no secret derives, as those of links from elsewhere are."""
    return secrets.token_urlsafe(24)
