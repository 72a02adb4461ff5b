"""Tokens of links: derived from a secret, found again, and stable when secrets rotate."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from jupyter_figserve.errors import Conflict
from jupyter_figserve.model.links import FIGURE, Link, Target, hash_secret, is_token, new_link_id
from jupyter_figserve.server.services.links.tokens import LinkTokens

from ....tokens import new_token


def link(token_hash: str = "") -> Link:
    return Link(new_link_id(), token_hash, Target(FIGURE, "f"), 1.0)


def test_the_derivation():
    """base64url of 24 bytes of HMAC-SHA256(HMAC-SHA256(secret, "figserve link v1"), id and nonce)."""
    issued, token = LinkTokens(["secret"]).issue(link())
    key = hmac.new(b"secret", b"figserve link v1", hashlib.sha256).digest()
    digest = hmac.new(key, (issued.id + issued.nonce).encode(), hashlib.sha256).digest()
    assert token == base64.urlsafe_b64encode(digest[:24]).decode()
    assert issued.token_hash == hash_secret(token)
    assert token not in repr(issued)


def test_tokens_are_whole_in_text():
    """Each is new, has the form of a token, and ends in a letter or a digit."""
    tokens, one = LinkTokens(["secret"]), link()
    made = {tokens.issue(one)[1] for _ in range(500)}
    assert len(made) == 500
    assert all(is_token(token) and token[-1].isalnum() for token in made)


def test_rotation_breaks_nothing():
    """The newest secret makes tokens, and each of the list finds them."""
    old, token = LinkTokens(["old"]).issue(link())
    both = LinkTokens(["new", "old"])
    assert both.get(old) == token
    new, other = both.issue(link())
    assert LinkTokens(["new"]).get(new) == other


@pytest.mark.parametrize("lost", [link(hash_secret(new_token())), LinkTokens(["lost"]).issue(link())[0]])
def test_a_lost_secret(lost):
    """A link from elsewhere, or one whose secret is gone, has no address."""
    with pytest.raises(Conflict, match="create a new link") as error:
        LinkTokens(["new", "old"]).get(lost)
    assert error.value.code == "address_unknown"
