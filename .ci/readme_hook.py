"""Metadata hook of hatchling: the README for a package index, where a relative link leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
RELATIVE = re.compile(r"(!?)(\[[^\]]*\]\()(?!https?:|mailto:|#)")


class ReadmeHook(MetadataHookInterface):
    """Sets the long description."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Link to this version's files at the project's page; without ``project.urls``, the README stays as it is."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        page = metadata.get("urls", {}).get("Source")
        if page is not None:
            text = to_absolute(text, page, f"v{metadata['version']}")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def to_absolute(text: str, page: str, tag: str) -> str:
    """Return the Markdown with relative links and images, outside of code, leading to the page's files at this tag."""
    parts = FENCE.split(text)
    for index in range(0, len(parts), 2):
        parts[index] = RELATIVE.sub(lambda found: _begin_link(found, page, tag), parts[index])
    return "".join(parts)


def _begin_link(found: re.Match[str], page: str, tag: str) -> str:
    """Return the begin of a link: an image's leads to the bytes, another one to a page."""
    return f"{found[1]}{found[2]}{page}/{'raw' if found[1] else 'blob'}/{tag}/"
