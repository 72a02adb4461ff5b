"""Delegates sending stored images to the web server in front (X-Accel-Redirect, X-Sendfile). Server process.

Source: nginx.org, "X-Accel-Redirect"; Apache's and lighttpd's ``X-Sendfile``.

Only images that cannot contain scripts are delegated: nginx keeps few of a response's headers, and an SVG without its
policy could act as its viewer. Ranges are not: nginx would compare ``If-Range`` with an ETag of its own, and send the
whole file where the client was to get, and a link with a limit of views was to count, a part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ....model.formats import Format

SENDFILE = "X-Sendfile"
LOCATION = re.compile(r"/[A-Za-z0-9._~/-]*/")
_ACTIVE = ("svg", "svgz", "pdf", "html")


@dataclass(frozen=True)
class BlobHandover:
    """Headers that tell the web server which file to send.

    Parameters
    ----------
    target
        ``X-Sendfile``, or the internal location of nginx whose alias is the blob directory.
    find_path
        Returns the file of a blob, None when it is missing.
    """

    target: str
    find_path: Callable[[str], Path | None]

    @property
    def is_by_path(self) -> bool:
        """Whether the web server takes the path of the file, rather than an address below its location."""
        return self.target == SENDFILE

    def find_location(self, row: Format, digest: str) -> str | None:
        """Return where the web server finds a blob; None when it must not, or cannot, send it."""
        path = None if row.name in _ACTIVE else self.find_path(digest)
        if path is None:
            return None
        return str(path) if self.is_by_path else f"{self.target}{path.parent.name}/{path.name}"


def is_handover_target(text: str) -> bool:
    """Whether ``text`` is ``X-Sendfile`` or an absolute location that ends in a slash."""
    return text == SENDFILE or LOCATION.fullmatch(text) is not None
