"""Zip archive of figures: images, their records as JSON, and an HTML page of them. Server process; runs in a thread.

The archive is streamed: only the images of one figure are in memory at a time. The records go to a temporary file until
all images are written.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import IO, Any
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from ....model.figures import FigureRecord
from ....model.formats import INLINE_FORMATS
from ....model.html.policy import frame_in_file
from ....store.files.blobs import BlobStore
from .unique_filenames import UniqueFilenames

_FOLDER = "pictures"
_CAPTURED_FOLDER = "captured"
_WITHOUT_NOTEBOOK = "without a notebook"
_HIDPI_SUFFIX = "@2x"
_COMPRESSED = frozenset(("svg", "html", "eps"))
_MAX_RECORDS_IN_MEMORY = 2**20
_CHUNK_BYTES = 2**18


class ZipExport:
    """A streamed zip: ``add`` returns the bytes of a figure, ``end`` those of the page, the records and the directory.

    Parameters
    ----------
    describe
        Returns a record as JSON.
    page
        Renders ``index.html`` in parts.
    heading
        Heading of that page.
    """

    def __init__(
        self,
        blobs: BlobStore,
        describe: Callable[[FigureRecord], dict[str, Any]],
        page: Callable[..., Iterable[str]],
        heading: str,
    ) -> None:
        self._blobs = blobs
        self._describe = describe
        self._page = page
        self._heading = heading
        self._sink = _ChunkSink()
        self._zip = ZipFile(self._sink, "w", allowZip64=True)
        self._folders, self._notebooks = UniqueFilenames(), dict[str, str]()
        self._names: dict[str, UniqueFilenames] = {}
        self._records: IO[str] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by close() and end()
            _MAX_RECORDS_IN_MEMORY, "w+", encoding="utf-8", newline="\n"
        )
        self._count = 0

    def add(self, record: FigureRecord) -> bytes:
        """Return the bytes that add all stored formats of a version, and keep its record for ``end``."""
        folder = self._folder_of(record.identity.notebook or record.identity.collection)
        stem = self._unique_path(f"{_FOLDER}/{folder}", record.name)
        files: dict[str, str | None] = {}
        for part in record.version.representations:
            row, data = part.format, self._blobs.find(part.digest)
            density = "" if record.version.width_in_address(part) is None else _HIDPI_SUFFIX
            path = f"{stem}{density}.{row.name}"
            files[row.name + density] = None if data is None else path
            if data is not None:
                kind = ZIP_DEFLATED if row.name in _COMPRESSED else ZIP_STORED
                self._zip.writestr(_entry(path, record.version.created, kind), _as_file(row.name, data))
        self._write_record(self._describe(record) | {"files": files})
        return self._sink.read_all()

    def add_plot(self, row: dict[str, Any], suffix: str, stamp: float, data: bytes | None) -> bytes:
        """Return the bytes that add a captured plot or a session's file.

        Parameters
        ----------
        row
            Its record as JSON.
        stamp
            Creation time, in seconds since the epoch.
        data
            Its bytes; None when they no longer exist.
        """
        name = str(row["name"]).removesuffix(f".{suffix}").replace("/", " - ")
        path = f"{self._unique_path(_CAPTURED_FOLDER, name)}.{suffix}"
        if data is not None:
            kind = ZIP_DEFLATED if suffix in _COMPRESSED else ZIP_STORED
            self._zip.writestr(_entry(path, stamp, kind), _as_file(suffix, data))
        self._write_record(row | {"files": {suffix: None if data is None else path}})
        return self._sink.read_all()

    def end(self, now: float) -> Iterator[bytes]:
        """Yield the bytes of the records, the page and the zip's directory."""
        with self._records:
            yield from self._write("figures.json", now, self._json(now))
            rows = ({**row, "preview": _find_preview(row["files"])} for row in self._rows())
            page = self._page(heading=self._heading, count=self._count, now=now, rows=rows, address=_address)
            yield from self._write("index.html", now, page)
        self._zip.close()
        yield self._sink.read_all()

    def close(self) -> None:
        """Delete the temporary file; also for an archive that was not finished."""
        self._records.close()
        # Otherwise the zip closes itself when it is collected, perhaps after its sink.
        with contextlib.suppress(ValueError):
            self._zip.close()

    def _unique_path(self, folder: str, name: str) -> str:
        return f"{folder}/{self._names.setdefault(folder, UniqueFilenames()).add(name)}"

    def _write_record(self, row: dict[str, Any]) -> None:
        self._records.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._count += 1

    def _folder_of(self, notebook: str) -> str:
        if notebook not in self._notebooks:
            name = notebook.removesuffix(".ipynb").replace("/", " - ") or _WITHOUT_NOTEBOOK
            self._notebooks[notebook] = self._folders.add(name)
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
                if self._sink.size > _CHUNK_BYTES:
                    yield self._sink.read_all()
        yield self._sink.read_all()


def _find_preview(files: dict[str, str | None]) -> str | None:
    return next((files[row.name] for row in INLINE_FORMATS if files.get(row.name)), None)


def _as_file(suffix: str, data: bytes) -> bytes:
    """Return the bytes of a file; HTML is in a frame with the policy that the server sends as a header."""
    return frame_in_file(data) if suffix == "html" else data


def _address(path: str) -> str:
    """Return the relative URL of a file in the archive, for the page."""
    return quote(path, safe="/")


def _entry(name: str, stamp: float, kind: int) -> ZipInfo:
    moment = datetime.fromtimestamp(stamp, tz=timezone.utc)
    # Times in a zip begin in 1980 and have no time zone.
    entry = ZipInfo(name, moment.timetuple()[:6] if 1980 <= moment.year <= 2107 else (1980, 1, 1, 0, 0, 0))
    entry.compress_type = kind
    entry.external_attr = 0o644 << 16
    return entry


def _iso(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, tz=timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


class _ChunkSink(io.RawIOBase):
    """Buffer of the bytes that the zip writes; it cannot seek, so each entry's size is written after its data."""

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

    def read_all(self) -> bytes:
        """Return the buffered bytes and clear the buffer."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return data
