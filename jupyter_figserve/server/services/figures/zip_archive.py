"""Figures as one zip that opens from a disk: names, pictures, a page, the records. Server process; runs in a thread.

The zip is made piece by piece: what is in memory at a time is one figure's pictures. The page's rows and the records
wait in temporary files until the pictures are through.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import IO, Any
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from jinja2 import Template

from ....model.figures import FigureRecord
from ....model.formats import INLINE_FORMATS
from ....store.files.blobs import BlobStore

FOLDER = "pictures"
CAPTURED = "captured"
_WITHOUT_NOTEBOOK = "without a notebook"
_PACKED = frozenset(("svg", "html", "eps"))
_SPOOLED = 2**20
_PIECE = 2**18
_NAME_LENGTH = 80
# What file systems give a meaning to, and what is invisible or turns the direction of writing.
_UNSAFE = re.compile(r"[^\w .,;=@()&'+-]+")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_MAX_NAME_BYTES = 200


class UniqueFilenames:
    """File names that no two figures share, on any file system: letters' case and composition make no difference."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """``wanted`` as one safe segment of a path, with a number when it is taken already."""
        name, number = safe_name(wanted), 1
        while (key := _folded(name)) in self._taken:
            number += 1
            name = safe_name(wanted, f"-{number}")
        self._taken.add(key)
        return name


def safe_name(text: str, ending: str = "") -> str:
    """``text`` as one segment of a path on Linux, macOS and Windows: never empty, a device, "." or with a separator."""
    name = _UNSAFE.sub("-", unicodedata.normalize("NFC", text))[: _NAME_LENGTH - len(ending)]
    name = name.encode()[: _MAX_NAME_BYTES - len(ending)].decode(errors="ignore").strip(" .")
    name = (name or "figure") + ending
    return f"_{name}" if _DEVICES.fullmatch(name) else name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


class ZipExport:
    """A zip that grows: ``add`` gives the bytes of one figure, ``end`` those of the page and the table of contents.

    Parameters
    ----------
    describe
        A record as its JSON.
    page
        The template of ``index.html``.
    heading
        What the page is called.
    """

    def __init__(
        self, blobs: BlobStore, describe: Callable[[FigureRecord], dict[str, Any]], page: Template, heading: str
    ) -> None:
        self._blobs = blobs
        self._describe = describe
        self._page = page
        self._heading = heading
        self._sink = _ChunkSink()
        self._zip = ZipFile(self._sink, "w", allowZip64=True)
        self._folders, self._notebooks = UniqueFilenames(), dict[str, str]()
        self._names: dict[str, UniqueFilenames] = {}
        self._records: IO[str] = tempfile.SpooledTemporaryFile(_SPOOLED, "w+", encoding="utf-8", newline="\n")  # noqa: SIM115
        self._count = 0

    def add(self, record: FigureRecord) -> bytes:
        """The newest version in all formats that are stored, and its words for the page."""
        folder = self._folder_of(record.identity.notebook)
        stem = f"{FOLDER}/{folder}/{self._names.setdefault(f'{FOLDER}/{folder}', UniqueFilenames()).take(record.name)}"
        files: dict[str, str | None] = {}
        for part in record.version.representations:
            row, data = part.format, self._blobs.find(part.digest)
            files[row.name] = None if data is None else f"{stem}.{row.name}"
            if data is not None:
                kind = ZIP_DEFLATED if row.name in _PACKED else ZIP_STORED
                self._zip.writestr(_entry(f"{stem}.{row.name}", record.version.created, kind), data)
        self._note(self._describe(record) | {"files": files})
        return self._sink.take()

    def add_plot(self, row: dict[str, Any], suffix: str, stamp: float, data: bytes | None) -> bytes:
        """A plot that is no figure, under its own path; ``row`` is its record, None its bytes when they are gone.

        Parameters
        ----------
        stamp
            When it was made, in seconds since the epoch.
        """
        wanted = str(row["name"]).removesuffix(f".{suffix}").replace("/", " - ")
        path = f"{CAPTURED}/{self._names.setdefault(CAPTURED, UniqueFilenames()).take(wanted)}.{suffix}"
        if data is not None:
            self._zip.writestr(_entry(path, stamp, ZIP_DEFLATED if suffix in _PACKED else ZIP_STORED), data)
        self._note(row | {"files": {suffix: None if data is None else path}})
        return self._sink.take()

    def end(self, now: float) -> Iterator[bytes]:
        """The page, the records and the zip's own table of contents, in pieces."""
        with self._records:
            yield from self._write("figures.json", now, self._json(now))
            rows = ({**row, "shown": _shown(row["files"])} for row in self._rows())
            page = self._page.generate(heading=self._heading, count=self._count, now=now, rows=rows, address=_address)
            yield from self._write("index.html", now, page)
        self._zip.close()
        yield self._sink.take()

    def close(self) -> None:
        """Give up what is not ended."""
        self._records.close()

    def _note(self, row: dict[str, Any]) -> None:
        """What the page and the records say of one entry."""
        self._records.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._count += 1

    def _folder_of(self, notebook: str) -> str:
        if notebook not in self._notebooks:
            wanted = notebook.removesuffix(".ipynb").replace("/", " - ") or _WITHOUT_NOTEBOOK
            self._notebooks[notebook] = self._folders.take(wanted)
        return self._notebooks[notebook]

    def _rows(self) -> Iterator[dict[str, Any]]:
        self._records.seek(0)
        return (json.loads(line) for line in self._records)

    def _json(self, now: float) -> Iterator[str]:
        self._records.seek(0)
        yield f'{{"exported": {json.dumps(_iso(now))}, "figures": ['
        for index, line in enumerate(self._records):
            yield ("\n" if index == 0 else ",\n") + line.rstrip("\n")
        yield "\n]}\n"

    def _write(self, name: str, now: float, pieces: Iterable[str]) -> Iterator[bytes]:
        with self._zip.open(_entry(name, now, ZIP_DEFLATED), "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece.encode())
                if self._sink.size > _PIECE:
                    yield self._sink.take()
        yield self._sink.take()


def _shown(files: dict[str, str | None]) -> str | None:
    return next((files[row.name] for row in INLINE_FORMATS if files.get(row.name)), None)


def _address(path: str) -> str:
    """A file of the zip as the page links it."""
    return quote(path, safe="/")


def _entry(name: str, stamp: float, kind: int) -> ZipInfo:
    moment = datetime.fromtimestamp(stamp, tz=timezone.utc)
    # The format begins in 1980 and has no time zone.
    entry = ZipInfo(name, moment.timetuple()[:6] if 1980 <= moment.year <= 2107 else (1980, 1, 1, 0, 0, 0))
    entry.compress_type = kind
    entry.external_attr = 0o644 << 16
    return entry


def _iso(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, tz=timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


class _ChunkSink(io.RawIOBase):
    """What the zip writes, until somebody takes it; it cannot seek, so that entries say their sizes behind them."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self.size += len(piece)
        return len(piece)

    def take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return data
