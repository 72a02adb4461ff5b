"""The code that made a figure: what is kept of it, and reading it. Server process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ....errors import FigServeError
from ....model.figures import Version
from ..auth.code_redaction import redact_code


def trim_code(text: str, limit: int) -> str:
    """Return the code of a cell as it is kept: without secrets, and at most ``limit`` bytes of it; 0 keeps none."""
    if not limit or not text.strip():
        return ""
    # The cut comes first: no pattern reads more than is kept.
    data = text.encode("utf-8", "replace")
    kept = redact_code(data[:limit].decode("utf-8", "ignore")).strip("\n").rstrip()
    if len(data) <= limit:
        return kept
    return f"{kept}\n# The rest is left out: the cell has {len(data):,} bytes (FigServe.cell_code_bytes)."


async def read_code(version: Version, read_blob: Callable[[str], Awaitable[bytes]]) -> str | None:
    """Return the code of the cell that published a version, or the posted code that drew it; None without either.

    Redacted again, as rules improve.
    """
    part = version.code
    if part is None and version.source is not None and version.source.kind == "code":
        digest = version.source.digest
    elif part is not None:
        digest = part.digest
    else:
        return None
    try:
        data = await read_blob(digest)
    except FigServeError:
        # The figure is more than its code.
        return None
    return redact_code(data.decode("utf-8", "replace"))
