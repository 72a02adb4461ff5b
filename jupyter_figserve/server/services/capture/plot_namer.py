"""Names the images that a kernel displays, after the cells that display them. Server process.

**Identity.** A display with a ``display_id`` is one image, of which only the newest state is kept. Any other image is
identified by the execution that displayed it and by its position there: the second image of this run of the cell.
Running a cell again is another execution, so it makes other images. ``clear_output`` restarts the positions, so that an
animation that clears and shows is one image too.

**Name.** The first image of the cell numbered 3 is ``cell-3.png``, the second ``cell-3-2.png``. Jupyter's numbers grow
with each run of a cell, so a cell that runs again gets another name, until the kernel restarts and the numbers begin
again at 1: images after the first restart are named ``run-2-cell-3.png``, after the second ``run-3-cell-3.png``. An
image outside any cell (of a widget's callback or a thread) is ``plot.png``, ``plot-2.png``, and so on. A name is never
used twice in a session, even when its image has been deleted; an image keeps its name while it lives, and changes its
suffix when an update changes its type.
"""

from __future__ import annotations

from dataclasses import dataclass

from cachetools import LRUCache

MAX_EXECUTIONS = 256
MAX_STEMS = 1_024
MAX_CODE_LENGTH = 2**17
"""Characters of a cell that are remembered."""
ImageKey = tuple[str, str, int]


@dataclass
class _Execution:
    stem: str
    cell: int | None
    code: str = ""
    position: int = 0


class PlotNamer:
    """Follows the executions of one kernel, and names what each of them displays."""

    def __init__(self) -> None:
        self._executions: LRUCache[str, _Execution] = LRUCache(MAX_EXECUTIONS)
        self._cell_stems: LRUCache[str, int] = LRUCache(MAX_STEMS)
        """The number of images by stem; a cell's number does not recur within a run."""
        self._outside_cells = 0
        """The number of images outside cells, which are named throughout the session."""
        self._run = 1
        self._last_count = 0
        self._kernel_session = ""

    def begin_cell(self, request: str, count: int | None, kernel_session: str, code: str = "") -> None:
        """Record that a cell begins to run.

        Parameters
        ----------
        request
            Id of the message that asked for the execution.
        count
            The execution count in the cell's brackets.
        kernel_session
            The session id in the kernel's own messages, which most kernels generate when they start.
        code
            The code of the cell.
        """
        if count is not None:
            is_other = kernel_session != self._kernel_session
            # The count alone does not show a restart: it stays the same when a cell runs without history.
            if count < self._last_count or (is_other and count == self._last_count):
                self._run += 1
            self._last_count, self._kernel_session = count, kernel_session
        cell = "plot" if count is None else f"cell-{count}"
        stem = cell if self._run == 1 or count is None else f"run-{self._run}-{cell}"
        self._executions[request] = _Execution(stem, count, code[:MAX_CODE_LENGTH])

    def next_key(self, request: str, display_id: str | None) -> ImageKey:
        """Return the identity of the image that an execution displays next."""
        if display_id is not None:
            return ("display", display_id, 0)
        execution = self._get_execution(request)
        execution.position += 1
        return ("execution", request, execution.position)

    def clear_output(self, request: str) -> None:
        """Restart the positions of an execution whose output was cleared."""
        self._get_execution(request).position = 0

    def find_cell(self, request: str) -> int | None:
        """Return the number of the cell of an execution; None outside any cell."""
        return self._get_execution(request).cell

    def find_code(self, request: str) -> str:
        """Return the code of the cell of an execution; "" outside any cell."""
        return self._get_execution(request).code

    def make_stem(self, request: str) -> str:
        """Return a name, without suffix, that was never used before."""
        execution = self._get_execution(request)
        stem = execution.stem
        if execution.cell is None:
            self._outside_cells = number = self._outside_cells + 1
        else:
            self._cell_stems[stem] = number = self._cell_stems.get(stem, 0) + 1
        return stem if number == 1 else f"{stem}-{number}"

    def _get_execution(self, request: str) -> _Execution:
        if request not in self._executions:
            self.begin_cell(request, None, "")
        return self._executions[request]
