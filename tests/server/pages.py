"""A parsed HTML page, for tests of its content."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """The tags of a page: ``page["meta"]`` is a list of attribute dictionaries."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, list[dict[str, str | None]]] = {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.setdefault(tag, []).append(dict(attrs))

    def __getitem__(self, tag: str) -> list[dict[str, str | None]]:
        return self.tags.get(tag, [])

    @property
    def links(self) -> list[dict[str, str | None]]:
        """The links that lead away from the page."""
        return [tag for tag in self["a"] if not (tag.get("href") or "#").startswith("#")]

    def of_class(self, tag: str, name: str) -> list[dict[str, str | None]]:
        return [found for found in self[tag] if name in (found.get("class") or "").split()]

    def meta(self, name: str) -> str | None:
        return next((m.get("content") for m in self["meta"] if name in (m.get("property"), m.get("name"))), None)
