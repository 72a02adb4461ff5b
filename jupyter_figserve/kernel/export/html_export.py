"""Writes an export as HTML that opens from disk: one file, or a zip for a static host. Kernel.

None of the data can run scripts or load anything: the page's Content Security Policy allows scripts only by digest.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from ...model import dashboards
from ...model.figures import EncodedImage
from ...model.formats import get_format_of_mimetype
from ...model.html.scripts import disable_webrtc, hash_source, script_hashes
from ...model.markdown import render_markdown
from ..dashboards.panel_images import css_size
from ..figures.display import data_url
from .document import HTML, ExportDocument, ExportedImage, ExportPanel, label_of, value_text
from .parameter_grid import ParameterAxis

FOLDER = "pictures"
_PACKAGE = Path(__file__).parents[2]
_STYLES = ("shared/figserve.css", "shared/owner.css", "live/live.css", "export/exported_dashboard.css")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Earliest time that a zip can store; a fixed time makes equal dashboards give equal bytes."""
_FILENAME_LENGTH = 16

Address = Callable[[str, EncodedImage], str]
"""Returns the URL of an image, from its digest and the image."""


def write_html_export(document: ExportDocument) -> bytes:
    """Return a single HTML file with everything inline."""
    return _render(document, lambda _digest, image: data_url(image), "data:")


def write_zip_export(document: ExportDocument) -> bytes:
    """Return a zip of ``index.html`` and its images as files."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as file:
        # 'self' matches nothing if the page is opened from disk.
        _write(file, "index.html", _render(document, _filename, "'self' file:"))
        for digest, image in sorted(document.images.items()):
            if image.mimetype != HTML:
                _write(file, _filename(digest, image), image.data)
    return buffer.getvalue()


def _write(file: ZipFile, name: str, data: bytes) -> None:
    info = ZipInfo(name, _EPOCH)
    info.external_attr = 0o644 << 16
    is_text = name.endswith((".html", ".svg"))
    file.writestr(info, data, ZIP_DEFLATED if is_text else ZIP_STORED)


def _filename(digest: str, image: EncodedImage) -> str:
    return f"{FOLDER}/{digest[:_FILENAME_LENGTH]}.{get_format_of_mimetype(image.mimetype).name}"


def _render(document: ExportDocument, address: Address, image_sources: str) -> bytes:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_PACKAGE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals |= {"label_of": label_of, "value_text": value_text, "markdown": render_markdown}
    style, script = "\n".join([*map(_static, _STYLES), _columns(document)]), _static("export/exported_dashboard.js")
    context = _TemplateContext(document, address)
    page = environment.get_template("export/dashboard.html").render(
        document=document,
        view=context,
        style=style,
        script=script,
        data=_inert_json(context.data()),
        policy=_content_security_policy(document, image_sources, style, script),
        kinds={"text": dashboards.TEXT, "live": dashboards.LIVE},
    )
    return page.encode()


def _static(name: str) -> str:
    return (_PACKAGE / "static" / name).read_text(encoding="utf-8")


def _columns(document: ExportDocument) -> str:
    """Return CSS rules for the widths of the panels; the policy does not allow style attributes."""
    rows = [
        f".row-{number} {{ --columns: {' '.join(f'minmax(0, {one.panel.share:g}fr)' for one in row)}; }}"
        for number, row in enumerate(document.rows, 1)
    ]
    return "\n".join(rows)


def _inert_json(value: Any) -> str:
    """Return JSON that cannot close the element it is embedded in."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


class _TemplateContext:
    """Helpers of the template."""

    def __init__(self, document: ExportDocument, address: Address) -> None:
        self._document = document
        self._address = address
        self._numbers = {digest: number for number, (digest, _) in enumerate(document.images.items())}

    @property
    def shared(self) -> list[ParameterAxis]:
        return [axis for axis in self._document.axes.values() if axis.control.is_shared]

    def own(self, exported: ExportPanel) -> list[ParameterAxis]:
        """Return the axes of one panel that are not shared."""
        axes = exported.grid.axes if exported.grid else ()
        return [axis for axis in axes if not axis.control.is_shared]

    def image(self, exported: ExportedImage) -> EncodedImage | None:
        return self._document.find_image(exported)

    def number(self, exported: ExportedImage) -> int:
        return self._numbers[exported.digest or ""]

    def source(self, exported: ExportedImage) -> str:
        return self._address(exported.digest or "", self._get(exported))

    def document(self, exported: ExportedImage) -> str:
        return _page(self._get(exported))

    def is_page(self, exported: ExportedImage) -> bool:
        image = self._document.find_image(exported)
        return image is not None and image.mimetype == HTML

    def size(self, exported: ExportedImage) -> tuple[int, int] | None:
        image = self._document.find_image(exported)
        return css_size(image) if image else None

    def data(self) -> dict[str, Any]:
        """Return axes, states and images for the script; images that the page itself contains are null."""
        panels = [exported for row in self._document.rows for exported in row]
        firsts = {exported.first.digest for exported in panels if exported.images}
        return {
            "axes": {key: {"texts": list(map(value_text, axis.values))} for key, axis in self._document.axes.items()},
            "panels": {exported.panel.place: self._states(exported) for exported in panels if exported.grid},
            "images": [
                None if digest in firsts else self._image_json(digest, image)
                for digest, image in self._document.images.items()
            ],
        }

    def _get(self, exported: ExportedImage) -> EncodedImage:
        image = self._document.find_image(exported)
        assert image is not None
        return image

    def _image_json(self, digest: str, image: EncodedImage) -> dict[str, Any]:
        if image.mimetype == HTML:
            return {"page": _page(image)}
        return {"source": self._address(digest, image), "size": css_size(image)}

    def _states(self, exported: ExportPanel) -> dict[str, Any]:
        assert exported.grid is not None
        return {
            "axes": [axis.key for axis in exported.grid.axes],
            "exported": [list(rendered) for rendered in exported.grid.rendered],
            "images": [one.message if one.digest is None else self.number(one) for one in exported.images],
        }


def _page(image: EncodedImage) -> str:
    return disable_webrtc(image.data.decode("utf-8", "replace"))


def _content_security_policy(document: ExportDocument, image_sources: str, style: str, script: str) -> str:
    """Return the page's policy. Source: CSP level 3, section 2.4; the documents of frames inherit it.

    Scripts of interactive figures are allowed by digest, and run only in their frames, which have an opaque origin.
    """
    pages = [_page(image) for _, image in document.images.items() if image.mimetype == HTML]
    hashes = dict.fromkeys([hash_source(script), *(one for page in pages for one in script_hashes(page))])
    script_sources = " ".join(hashes) + (" 'unsafe-eval'" if pages else "")
    style_sources = "'unsafe-inline'" if pages else hash_source(style)
    sources = f"{image_sources} data: blob:" if pages else image_sources
    return (
        f"default-src 'none'; img-src {sources}; style-src {style_sources}; script-src {script_sources};"
        " base-uri 'none'; form-action 'none'"
    )
