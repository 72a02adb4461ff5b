"""Contents and external resources of an HTML fragment, found without rendering it. Any process."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes

from . import loaded_addresses
from .loaded_addresses import is_loaded
from .markup import prepare_markup

_MAX_OWN_SCRIPT = 256 * 1024
"""Maximum length of a document's own script or style; longer ones are of libraries, which name URLs they never load."""
_SILENT = frozenset({"style", "script", "title", "template", "noscript", "video", "audio", "canvas"})
"""Elements whose text browsers do not show; that of a video is for those without videos."""
_PARTS = frozenset({"svg", "canvas", "img", "iframe", "video", "object", "embed"})
_PLACES = frozenset({"div", "span", "figure", "main", "section", "p"})
_MAX_DEPTH = 3
_PIXELS = re.compile(r"\s*([0-9]{1,6})(?:\.[0-9]+)?\s*(?:px)?\s*")


@dataclass(frozen=True)
class HtmlImage:
    """An ``<img>`` element."""

    source: str
    alt: str = ""
    width: int | None = None
    height: int | None = None

    def decode(self) -> tuple[str, bytes] | None:
        """Return mimetype and bytes of a ``data:`` URL; None for any other. Source: RFC 2397."""
        scheme, comma, text = self.source.partition(",")
        if not comma or not scheme.startswith("data:"):
            return None
        kind, *parameters = [part.strip().lower() for part in scheme[5:].split(";")]
        data = unquote_to_bytes(text)
        if "base64" in parameters:
            try:
                data = base64.b64decode(b"".join(data.split()), validate=True)
            except binascii.Error:
                return None
        return kind, data


@dataclass
class HtmlContent:
    """The contents of an HTML fragment, including those of frames with ``srcdoc``.

    Parameters
    ----------
    scripts
        URLs of scripts and frames that it loads, without which it shows nothing or only a part.
    resources
        URLs of other resources that it loads: images, style sheets, data.
    code
        The text of its own scripts, without libraries.
    has_library
        Whether it contains a script as long as a library.
    has_video
        Whether it contains the data of a video.
    """

    scripts: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    images: list[HtmlImage] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    has_text: bool = False
    has_script: bool = False
    has_library: bool = False
    has_video: bool = False

    @property
    def is_figure(self) -> bool:
        """Whether it shows an image or runs a script in an element of the page.

        Text is no figure, nor is a table without images in its cells.
        """
        if "table" in self.tags:
            return bool(self.tags & {"canvas", "iframe"}) or any(one.source.startswith("data:") for one in self.images)
        return bool(self.tags & _PARTS) or (self.has_script and bool(self.tags & _PLACES))

    @property
    def only_image(self) -> HtmlImage | None:
        """The image of a fragment that contains nothing else, or None."""
        is_alone = len(self.images) == 1 and not self.has_text and not self.has_script
        return self.images[0] if is_alone and not (self.tags & (_PARTS | {"table"})) - {"img"} else None

    @property
    def is_empty_offline(self) -> bool:
        """Whether nothing of it remains in a frame that can load nothing."""
        if not self.scripts and not self.resources:
            return False
        has_image = any(image.source.startswith("data:") for image in self.images)
        has_own = has_image or self.has_video or bool(self.tags & {"svg", "table", "canvas"})
        runs = self.has_script and not self.scripts
        return not (has_own or self.has_text or runs)


def parse_html(text: str, depth: int = 0) -> HtmlContent:
    """Return the contents of an HTML document or fragment; broken markup is read as far as possible."""
    content = HtmlContent()
    parser = _Parser(content, depth)
    # The bodies of scripts, which may be whole libraries, are not parsed as markup.
    parser.feed(prepare_markup(text, lambda tag, body: _take_script(content, tag, body)))
    # Not closed, which would try each "<" after an unclosed tag again; browsers show nothing of them.
    if not parser.rawdata.startswith("<"):
        parser.handle_data(parser.rawdata)
    return content


def _take_script(content: HtmlContent, tag: str, body: str) -> None:
    if "importmap" in tag:
        content.scripts += loaded_addresses.find_in_import_map(body[:_MAX_OWN_SCRIPT])
    elif body.strip() and "application/json" not in tag:
        content.has_script = True
        if len(body) <= _MAX_OWN_SCRIPT:
            content.code.append(body)
            scripts = loaded_addresses.find_in_script(body)
            content.scripts += scripts
            content.resources += [one for one in loaded_addresses.find_data_in_script(body) if one not in scripts]
        else:
            content.has_library = True


class _Parser(HTMLParser):
    def __init__(self, content: HtmlContent, depth: int) -> None:
        super().__init__(convert_charrefs=True)
        self._content = content
        self._depth = depth
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in _SILENT:
            self._silent += 1
        if not (tag == "svg" and _is_icon(values)):
            self._content.tags.add(tag)
        self._content.resources += loaded_addresses.find_in_element(tag, values)
        if tag in ("iframe", "frame"):
            self._read_frame(values)
        elif tag == "script" and is_loaded(values.get("src")):
            self._content.scripts.append(values["src"])
        elif tag == "img":
            self._read_image(values)
        elif tag in ("video", "source") and not is_loaded(values.get("src")):
            self._content.has_video |= bool(values.get("src", "").strip())

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style" and len(data) <= _MAX_OWN_SCRIPT:
            self._content.resources += loaded_addresses.find_in_style(data)
        elif not self._silent and data.strip():
            self._content.has_text = True

    def _read_image(self, values: dict[str, str]) -> None:
        image = HtmlImage(
            values.get("src", "").strip(),
            values.get("alt", "").strip(),
            _pixels(values.get("width")),
            _pixels(values.get("height")),
        )
        self._content.images.append(image)

    def _read_frame(self, values: dict[str, str]) -> None:
        inner = values.get("srcdoc")
        if inner is None:
            # Frames show other documents only; also those in `data:` URLs are refused by the policy.
            if values.get("src", "").strip():
                self._content.scripts.append(values["src"].strip())
        elif self._depth < _MAX_DEPTH:
            found = parse_html(inner, self._depth + 1)
            self._content.scripts += found.scripts
            self._content.resources += found.resources
            self._content.code += found.code
            self._content.images += [one for one in found.images if one.source.startswith("data:")]
            self._content.has_script |= found.has_script
            self._content.has_library |= found.has_library
            self._content.has_text |= found.has_text
            self._content.has_video |= found.has_video
            self._content.tags |= found.tags


def _is_icon(values: dict[str, str]) -> bool:
    """Whether an SVG is an icon of a text, as in the representations of xarray's objects."""
    return "icon" in values.get("class", "") or re.search(r"width:\s*0\b", values.get("style", "")) is not None


def _pixels(value: str | None) -> int | None:
    match = _PIXELS.fullmatch(value or "")
    return int(match[1]) or None if match else None
