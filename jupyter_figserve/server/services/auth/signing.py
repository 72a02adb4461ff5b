"""Signs URLs of HTML frames, which expire after a minute, and queries of image URLs. Server process."""

from __future__ import annotations

import hashlib
import json

from itsdangerous import BadData, Signer, URLSafeTimedSerializer

from ....errors import NotFound

LIFE_SECONDS = 60


class FrameUrlSigner:
    """Signs ``[figure, version, link or None]``, and ``[live figure, key of the image, link or None]``.

    Parameters
    ----------
    secret_keys
        Newest first; older ones still verify, so that a rotation breaks no URL.
    """

    def __init__(self, secret_keys: list[str]) -> None:
        # itsdangerous signs with the last of its list.
        self._serializer = URLSafeTimedSerializer(secret_keys[::-1], salt="figserve html frame")

    def sign(self, figure: str, version: int | str, link: str | None) -> str:
        return str(self._serializer.dumps([figure, version, link]))

    def read(self, text: str) -> tuple[str, int | str, str | None]:
        """Verify a signed text and return its values.

        Raises
        ------
        NotFound
            With the same message for a forged and for an expired text.
        """
        try:
            figure, version, link = self._serializer.loads(text, max_age=LIFE_SECONDS)
        except (BadData, ValueError) as error:
            raise NotFound from error
        return figure, version, link


class QuerySigner:
    """Signs the parts of a URL; a signature for one purpose is not valid for another.

    Parameters
    ----------
    secret_keys
        Newest first; older ones still verify, so that a rotation breaks no URL.
    """

    def __init__(self, secret_keys: list[str]) -> None:
        # itsdangerous signs with the last of its list.
        self._signer = Signer(
            secret_keys[::-1], salt="figserve address", key_derivation="hmac", digest_method=hashlib.sha256
        )

    def sign(self, purpose: str, *parts: object) -> str:
        return self._signer.get_signature(_signed_text(purpose, parts)).decode()

    def is_good(self, signature: str, purpose: str, *parts: object) -> bool:
        return signature.isascii() and self._signer.verify_signature(_signed_text(purpose, parts), signature)


def _signed_text(purpose: str, parts: tuple[object, ...]) -> str:
    return json.dumps([purpose, *parts])
