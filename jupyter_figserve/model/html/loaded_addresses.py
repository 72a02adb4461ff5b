"""Addresses that elements, style sheets and scripts of an HTML document load something from. Any process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_INLINE = ("data:", "blob:", "#", "about:")
# Attributes of elements other than scripts and frames, whose content is the document's.
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "audio": ("src",),
    "body": ("background",),
    "embed": ("src",),
    "feimage": ("href", "xlink:href"),
    "image": ("href", "xlink:href", "src"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "source": ("src", "srcset"),
    "table": ("background",),
    "td": ("background",),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
_SOURCE_SET = re.compile(r"(?:https?:)?//[^\s,]+")
_STYLE = re.compile(
    r"""(?:@import\s{1,9}(?:url\(\s{0,9})?|\burl\(\s{0,9})["']?((?:https?:)?//[^"'()\s;]+)""", re.IGNORECASE
)
_NAMESPACE = re.compile(r"@namespace\b[^;]{0,300};", re.IGNORECASE)
_QUOTED = r"""["'`](%s://[^"'`\s]+)"""
_SVG = re.compile(
    r"""<(?:\w{1,20}:)?(?:image|feImage|use)\b[^<>]{0,2000}?\bhref\s{0,9}=\s{0,9}["']\s{0,9}((?:https?:)?//[^"'<>\s]+)"""
)
_SCRIPTS = re.compile(
    r"(?:\bimport\s*\(\s*|\bfrom\s+|\bimport\s+|\.src\s*=\s*|\bfetch\s*\(\s*|\bd3\.(?:csv|json|tsv|text)\s*\(\s*"
    r"""|\bsetAttribute\s*\(\s*["']src["']\s*,\s*|\bgetScript\s*\(\s*"""
    r"""|\bimportScripts\s*\(\s*|\bpaths\s*["']?\s*[:=]\s*\{[^}]{0,500}?)""" + _QUOTED % "https?",
    re.DOTALL,
)
_DATA = re.compile(
    r"""(?:\.open\s*\(\s*["'][A-Z]{3,7}["']\s*,\s*|\bgetJSON\s*\(\s*|\$\.(?:get|post|ajax)\s*\(\s*(?:\{\s*url\s*:\s*)?"""
    r"""|\baxios(?:\.get)?\s*\(\s*|\bnew\s+(?:Worker|EventSource|WebSocket)\s*\(\s*|\btileLayer(?:\.wms)?\s*\(\s*"""
    r"""|["']?\bdata["']?\s*:\s*\{\s*["']?url["']?\s*:\s*)""" + _QUOTED % "(?:https?|wss?)"
)
_ADDRESS_OF_DATA = re.compile(
    r"""["'`](https?://[^"'`\s?#]+\.(?:csv|tsv|json|geojson|topojson|parquet|arrow)(?:[?#][^"'`\s]*)?)["'`]"""
)
_LOADS = re.compile(r"\bfetch\s*\(|\b(?:csv|json|tsv|text|getJSON)\s*\(|\bXMLHttpRequest\b")
_SCHEMA = "/schema/"
"""In the addresses that only name a specification's version."""


def is_loaded(address: str | None) -> bool:
    """Whether an address leads out of the document."""
    return bool(address and address.strip()) and not (address or "").strip().lower().startswith(_INLINE)


def find_in_element(tag: str, values: Mapping[str, str]) -> Iterator[str]:
    """Yield what an element loads by its attributes, for any element but scripts and frames."""
    if tag == "link" and "stylesheet" in values.get("rel", "").lower() and is_loaded(values.get("href")):
        yield values["href"]
    for name in _ATTRIBUTES.get(tag, ()):
        value = values.get(name, "").strip()
        if name == "srcset":
            yield from _SOURCE_SET.findall(value)
        elif is_loaded(value):
            yield value
    if "style" in values:
        yield from find_in_style(values["style"])


def find_in_style(text: str) -> list[str]:
    """Return the other sheets, images and fonts that a style sheet loads."""
    return _STYLE.findall(_NAMESPACE.sub("", text))


def find_in_script(code: str) -> list[str]:
    """Return what a script loads without which it hardly runs: modules, libraries, and data by its address."""
    return _SCRIPTS.findall(code)


def find_data_in_script(code: str) -> list[str]:
    """Return the data, tiles and connections of a script that may run without them."""
    found = _DATA.findall(code)
    if _LOADS.search(code):
        found += [one for one in _ADDRESS_OF_DATA.findall(code) if _SCHEMA not in one]
    return list(dict.fromkeys(found))


def find_in_svg(text: str) -> list[str]:
    """Return the images and parts of other files that an SVG document shows."""
    return _SVG.findall(text)


def find_in_import_map(text: str) -> list[str]:
    """Return the modules that an import map names."""
    return re.findall(_QUOTED % "https?", text)
