"""The pictures that one session displayed lately, named after their cells, within bounds. Server process.

**What is one picture.** A display with a ``display_id`` is one picture however often it is updated, and only the newest
state is kept. Any other is told by its execution and its place in it: the second picture of this run of the cell.
Running a cell again is another execution, so it makes other pictures. ``clear_output`` starts the places afresh, so
that an animation that clears and shows is one picture too.

**What it is called.** The first picture of the cell with the number 3 in its brackets is ``cell-3.png``, the second
``cell-3-2.png``. Jupyter's numbers grow with each run of a cell, so a cell that is run again gets another name, until
the kernel restarts and they begin again at 1: what is shown after the first restart is called ``run-2-cell-3.png``,
after the second ``run-3-cell-3.png``. A picture that no cell showed (a widget's callback, a thread) is ``plot.png``,
``plot-2.png`` ... A name is never given twice in a session, also not after its picture has gone; a picture keeps its
name as long as it lives, and changes its suffix when an update changes its type.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ....model.figures import sha256_hex
from ....model.formats import Format
from ....model.quotas import Quota

_EXECUTIONS = 256
_STEMS = 1_024
Key = tuple[str, str, int]


@dataclass
class CapturedImage:
    """One picture of a ring.

    Parameters
    ----------
    version
        1, and one more with each update of what is displayed.
    cell
        The number of its cell, None for what no cell showed.
    """

    stem: str
    row: Format
    size: int
    created: float
    version: int = 1
    cell: int | None = None
    data: bytes | None = None
    digest: str | None = None
    file: Path | None = None
    is_news: bool = True

    @property
    def path(self) -> str:
        return f"{self.stem}.{self.row.name}"


@dataclass
class _CellRun:
    stem: str
    cell: int | None
    place: int = 0


class PlotNamer:
    """Follows a kernel's executions, and names what each of them shows."""

    def __init__(self) -> None:
        self._executions: OrderedDict[str, _CellRun] = OrderedDict()
        self._stems: OrderedDict[str, int] = OrderedDict()
        self._run = 1
        self._last_count = 0
        self._kernel_session = ""

    def begin(self, message: str, count: int | None, kernel_session: str) -> None:
        """A cell's run begins.

        Parameters
        ----------
        message
            Id of the request that it answers.
        count
            The number in its brackets.
        kernel_session
            What the kernel calls its own life, which most kernels choose afresh when they start.
        """
        if count is not None:
            is_other = kernel_session != self._kernel_session
            # The number alone stays where it is when a cell is run without history.
            if count < self._last_count or (is_other and count == self._last_count):
                self._run += 1
            self._last_count, self._kernel_session = count, kernel_session
        cell = "plot" if count is None else f"cell-{count}"
        stem = cell if self._run == 1 or count is None else f"run-{self._run}-{cell}"
        self._executions[message] = _CellRun(stem, count)
        while len(self._executions) > _EXECUTIONS:
            self._executions.popitem(last=False)

    def next_key(self, message: str, display_id: str | None) -> Key:
        """What tells the picture that an execution shows next from all others."""
        if display_id is not None:
            return ("display", display_id, 0)
        execution = self._find(message)
        execution.place += 1
        return ("execution", message, execution.place)

    def clear(self, message: str) -> None:
        """The execution's output was cleared: what it shows next takes the first place again."""
        self._find(message).place = 0

    def cell_of(self, message: str) -> int | None:
        return self._find(message).cell

    def new_stem(self, message: str) -> str:
        """A name that was never given before."""
        stem = self._find(message).stem
        number = self._stems.get(stem, 0) + 1
        self._stems[stem] = number
        self._stems.move_to_end(stem)
        while len(self._stems) > _STEMS:
            # "plot" goes on as long as the session; a cell's number does not come back within a run.
            oldest = next(name for name in self._stems if name != "plot")
            del self._stems[oldest]
        return stem if number == 1 else f"{stem}-{number}"

    def _find(self, message: str) -> _CellRun:
        if message not in self._executions:
            self.begin(message, None, "")
        return self._executions[message]


class CaptureBuffer:
    """The newest pictures of a session; older ones make room.

    New bytes are in memory until ``flush`` writes them, so that an animation costs a dictionary's entry a frame.

    Parameters
    ----------
    directory
        Where the bytes go.
    quota
        The most pictures and bytes; a 0 is without limit.
    """

    def __init__(self, directory: Path, quota: Quota) -> None:
        self.names = PlotNamer()
        self.bytes = 0
        self.directory = directory
        self._quota = quota
        self._held: OrderedDict[Key, CapturedImage] = OrderedDict()
        self._written = 0

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[CapturedImage]:
        """Newest first."""
        return reversed(self._held.values())

    def add(self, key: Key, message: str, row: Format, data: bytes, now: float) -> CapturedImage:
        """Keep a picture, in the place of the one of the same key."""
        one = self._held.get(key)
        if one is None:
            one = CapturedImage(self.names.new_stem(message), row, 0, now, version=0, cell=self.names.cell_of(message))
            self._held[key] = one
        self._held.move_to_end(key)
        self.bytes += len(data) - one.size
        one.row, one.data, one.digest, one.size, one.created = row, data, None, len(data), now
        one.version += 1
        one.is_news = True
        self._make_room()
        return one

    def find(self, path: str) -> CapturedImage | None:
        return next((one for one in self if one.path == path), None)

    def newest(self) -> CapturedImage | None:
        return next(iter(self), None)

    def read(self, one: CapturedImage) -> bytes | None:
        """A picture's bytes, None when they have gone meanwhile."""
        if one.data is not None:
            return one.data
        try:
            return one.file.read_bytes() if one.file is not None else None
        except OSError:
            return None

    def digest(self, one: CapturedImage) -> str | None:
        """Of a picture's bytes, made when it is first asked for; None when they have gone meanwhile."""
        if one.digest is None:
            data = self.read(one)
            one.digest = None if data is None else sha256_hex(data)
        return one.digest

    def flush(self) -> list[CapturedImage]:
        """Write what is new to files; returns what has become news since the last time, oldest first.

        Raises
        ------
        OSError
            When the disk is full: what could not be written is given up.
        """
        news = [one for one in self._held.values() if one.is_news]
        for one in news:
            one.is_news = False
        try:
            for one in news:
                self._write(one)
        except OSError:
            for key in [key for key, one in self._held.items() if one.data is not None]:
                self._drop(key)
            raise
        return news

    def clear(self) -> None:
        for key in list(self._held):
            self._drop(key)

    def _write(self, one: CapturedImage) -> None:
        """To a file of its own, as somebody may be reading the one before."""
        if one.data is None:
            return
        self._written += 1
        file = self.directory / f"{self._written}.{one.row.name}"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        before, one.file = one.file, file
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(one.data)
        one.data = None
        _unlink(before)

    def _make_room(self) -> None:
        """The newest stays, however large it is."""
        while len(self._held) > 1 and (
            (self._quota.figures and len(self._held) > self._quota.figures)
            or (self._quota.bytes and self.bytes > self._quota.bytes)
        ):
            self._drop(next(iter(self._held)))

    def _drop(self, key: Key) -> None:
        one = self._held.pop(key)
        self.bytes -= one.size
        _unlink(one.file)
        one.file = one.data = None


def _unlink(file: Path | None) -> None:
    if file is not None:
        with contextlib.suppress(OSError):
            file.unlink()
