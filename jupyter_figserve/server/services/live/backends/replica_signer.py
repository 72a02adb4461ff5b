"""Signs requests between servers that share a signing secret. Server process."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .....errors import Forbidden
from .....model.figures import sha256_hex
from .....model.times import Clock
from ...auth.signing import QuerySigner

TIME_HEADER, SIGNATURE_HEADER = "X-FigServe-Time", "X-FigServe-Signature"
_PURPOSE = "request of a server"
_SECONDS = re.compile(r"[0-9]{1,15}")
"""A number that Python reads and compares; it refuses those of thousands of digits."""
MAX_SKEW_SECONDS = 30
"""How far the clocks of two servers may differ; an intercepted request is useless afterwards."""


class ReplicaSigner:
    """Signs the body of a request with its time, and checks both."""

    def __init__(self, signer: QuerySigner, clock: Clock) -> None:
        self._signer = signer
        self._clock = clock

    def make_headers(self, body: bytes) -> dict[str, str]:
        time = str(int(self._clock()))
        return {TIME_HEADER: time, SIGNATURE_HEADER: self._signer.sign(_PURPOSE, time, sha256_hex(body))}

    def check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check that a server with the same secret has sent this body just now.

        Raises
        ------
        Forbidden
            With the same message for every reason.
        """
        time, signature = headers.get(TIME_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
        is_now = _SECONDS.fullmatch(time) is not None and abs(int(time) - self._clock()) <= MAX_SKEW_SECONDS
        if not is_now or not self._signer.is_good(signature, _PURPOSE, time, sha256_hex(body)):
            raise Forbidden(
                "Only servers with the same signing secret (FIGSERVE_SIGNING_SECRET) and time may call this address.",
                code="not_a_replica",
            )
