"""A saved dashboard as a page that opens from disk: one file, or a folder for a static host. Kernel.

Nothing of the data runs in it: its policy names the scripts that may by their digests, and lets nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from ...model import dashboards
from ...model.figures import EncodedImage
from ...model.formats import get_format_of_mimetype
from ...model.markdown import render_markdown
from .document import HTML, ExportDocument, ExportedImage, ExportPanel, label_of, value_words
from .panel_images import shown_size
from .parameter_grid import ParameterAxis

FOLDER = "pictures"
_PACKAGE = Path(__file__).parents[2]
_STYLES = ("shared/figserve.css", "shared/owner.css", "live/live.css", "export/exported_dashboard.css")
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can say, so that equal boards give equal bytes."""
_NAME_LENGTH = 16

Address = Callable[[str, EncodedImage], str]


def html_page(board: ExportDocument) -> bytes:
    """One file with everything inside."""
    return _render(board, lambda _digest, picture: _data_url(picture), "data:")


def zip_folder(board: ExportDocument) -> bytes:
    """``index.html`` and its pictures as files beside it."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as file:
        # 'self' is nothing where the page comes from disk.
        _write(file, "index.html", _render(board, lambda digest, one: _file_name(digest, one), "'self' file:"))
        for digest, picture in sorted(board.pictures.items()):
            if picture.mimetype != HTML:
                _write(file, _file_name(digest, picture), picture.data)
    return buffer.getvalue()


def _write(file: ZipFile, name: str, data: bytes) -> None:
    info = ZipInfo(name, _FIRST_DAY)
    info.external_attr = 0o644 << 16
    is_text = name.endswith((".html", ".svg"))
    file.writestr(info, data, ZIP_DEFLATED if is_text else ZIP_STORED)


def _file_name(digest: str, picture: EncodedImage) -> str:
    return f"{FOLDER}/{digest[:_NAME_LENGTH]}.{get_format_of_mimetype(picture.mimetype).name}"


def _data_url(picture: EncodedImage) -> str:
    return f"data:{picture.mimetype};base64,{base64.b64encode(picture.data).decode()}"


def _render(board: ExportDocument, address: Address, images: str) -> bytes:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_PACKAGE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals |= {"label_of": label_of, "words": value_words, "markdown": render_markdown}
    style, script = "\n".join([*map(_static, _STYLES), _columns(board)]), _static("export/exported_dashboard.js")
    view = _TemplateContext(board, address)
    page = environment.get_template("export/dashboard.html").render(
        board=board,
        view=view,
        style=style,
        script=script,
        data=_inert_json(view.data()),
        policy=_policy(board, images, style, script),
        kinds={"text": dashboards.TEXT, "live": dashboards.LIVE},
    )
    return page.encode()


def _static(name: str) -> str:
    return (_PACKAGE / "static" / name).read_text(encoding="utf-8")


def _columns(board: ExportDocument) -> str:
    """Shares as columns; a style attribute is not allowed in the page."""
    rows = [
        f".row-{number} {{ --columns: {' '.join(f'minmax(0, {saved.panel.share:g}fr)' for saved in row)}; }}"
        for number, row in enumerate(board.rows, 1)
    ]
    return "\n".join(rows)


def _inert_json(value: Any) -> str:
    """JSON that stands in a page and ends no element of it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


class _TemplateContext:
    """What the template asks of a board."""

    def __init__(self, board: ExportDocument, address: Address) -> None:
        self._board = board
        self._address = address
        self._numbers = {digest: number for number, (digest, _) in enumerate(board.pictures.items())}

    @property
    def shared(self) -> list[ParameterAxis]:
        return [axis for axis in self._board.axes.values() if axis.control.is_shared]

    def own(self, saved: ExportPanel) -> list[ParameterAxis]:
        """Those of a panel alone, where it is drawn for more than one of their positions."""
        axes = saved.grid.axes if saved.grid else ()
        return [axis for axis in axes if not axis.control.is_shared]

    def picture(self, shot: ExportedImage) -> EncodedImage | None:
        return self._board.picture_of(shot)

    def number(self, shot: ExportedImage) -> int:
        return self._numbers[shot.digest or ""]

    def source(self, shot: ExportedImage) -> str:
        picture = self._board.picture_of(shot)
        assert picture is not None
        return self._address(shot.digest or "", picture)

    def document(self, shot: ExportedImage) -> str:
        picture = self._board.picture_of(shot)
        assert picture is not None
        return picture.data.decode("utf-8", "replace")

    def is_page(self, shot: ExportedImage) -> bool:
        picture = self._board.picture_of(shot)
        return picture is not None and picture.mimetype == HTML

    def size(self, shot: ExportedImage) -> tuple[int, int] | None:
        picture = self._board.picture_of(shot)
        return shown_size(picture) if picture else None

    def data(self) -> dict[str, Any]:
        """For the script: positions, states and pictures; those of the page's own elements are null."""
        firsts = {saved.first.digest for row in self._board.rows for saved in row if saved.shots}
        return {
            "axes": {key: {"words": list(map(value_words, axis.values))} for key, axis in self._board.axes.items()},
            "panels": {
                saved.panel.place: self._states(saved) for row in self._board.rows for saved in row if saved.grid
            },
            "pictures": [
                None if digest in firsts else self._written(digest, picture)
                for digest, picture in self._board.pictures.items()
            ],
        }

    def _written(self, digest: str, picture: EncodedImage) -> dict[str, Any]:
        if picture.mimetype == HTML:
            return {"page": picture.data.decode("utf-8", "replace")}
        return {"source": self._address(digest, picture), "size": shown_size(picture)}

    def _states(self, saved: ExportPanel) -> dict[str, Any]:
        assert saved.grid is not None
        return {
            "axes": [axis.key for axis in saved.grid.axes],
            "drawn": [list(drawn) for drawn in saved.grid.drawn],
            "shots": [shot.message if shot.digest is None else self.number(shot) for shot in saved.shots],
        }


def _policy(board: ExportDocument, images: str, style: str, script: str) -> str:
    """The page's Content Security Policy. Source: CSP level 3, section 2.4; a frame's document inherits it.

    The scripts of interactive figures may run by their digests, and run only in their frames, which have no origin.
    """
    pages = [
        picture.data.decode("utf-8", "replace") for _, picture in board.pictures.items() if picture.mimetype == HTML
    ]
    scripts = [script, *dict.fromkeys(one for page in pages for one in _scripts_of(page))]
    sources = " ".join(_hash(one) for one in scripts) + (" 'unsafe-eval'" if pages else "")
    styles = "'unsafe-inline'" if pages else _hash(style)
    shown = f"{images} data: blob:" if pages else images
    return (
        f"default-src 'none'; img-src {shown}; style-src {styles}; script-src {sources}; base-uri 'none';"
        " form-action 'none'"
    )


def _hash(text: str) -> str:
    normal = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'sha256-{base64.b64encode(hashlib.sha256(normal.encode()).digest()).decode()}'"


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_inside = tag == "script"
        if self._is_inside:
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            self.found[-1] += data


def _scripts_of(page: str) -> list[str]:
    parser = _Scripts()
    parser.feed(page)
    parser.close()
    return [one for one in parser.found if one.strip()]
