"""Derives the tokens of links: their owner can copy them again, a stolen catalog opens nothing. Server process.

The token is base64url of the first 24 bytes of HMAC-SHA256(K, id ‖ nonce), and K is HMAC-SHA256(secret, "figserve link
v1"). The catalog and the manifests hold id, nonce and the sha256 of the token.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import replace

from ....errors import Conflict
from ....model.links import Link, hash_secret

_PURPOSE = b"figserve link v1"
_TOKEN_BYTES = 24


class LinkTokens:
    """Makes the tokens of new links and finds those of existing ones.

    Parameters
    ----------
    signing_secrets
        Newest first: new tokens come from the first, and those of older ones are still found.
    """

    def __init__(self, signing_secrets: Sequence[str]) -> None:
        self._keys = [hmac.digest(secret.encode(), _PURPOSE, "sha256") for secret in signing_secrets]

    def issue(self, link: Link) -> tuple[Link, str]:
        """Return a new link with its nonce and the hash of its token, and the token.

        The last character is a letter or a digit: programs that recognize URLs in text cut off ``-`` and ``_``.
        """
        while True:
            nonce = secrets.token_hex(16)
            token = _derive(self._keys[0], link.id, nonce)
            if token[-1].isalnum():
                return replace(link, nonce=nonce, token_hash=hash_secret(token)), token

    def get(self, link: Link) -> str:
        """Return the token of a link.

        Raises
        ------
        Conflict
            With the code ``address_unknown`` when no secret gives it: the link or the secret comes from elsewhere.
        """
        for key in self._keys if link.nonce else ():
            token = _derive(key, link.id, link.nonce)
            if hmac.compare_digest(hash_secret(token), link.token_hash):
                return token
        raise Conflict(
            "The address of this link cannot be shown again, because the signing secret that it was made with is gone."
            " The link still works; to have an address to copy, create a new link.",
            code="address_unknown",
        )


def _derive(key: bytes, link_id: str, nonce: str) -> str:
    digest = hmac.digest(key, (link_id + nonce).encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:_TOKEN_BYTES]).decode()
