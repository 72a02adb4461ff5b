"""The running cell, and the default names of figures. Kernel; also works outside IPython."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...model.texts import MAX_NAME_LENGTH, slug
from ..client.front_end import find_parent, find_shell

_MAX_EXECUTIONS = 16
_PROCESS = "process"
# Ids made by nbformat and JupyterLab: eight hexadecimal digits, or a UUID that starts with them.
_RANDOM_ID = re.compile(r"([0-9a-f]{8})(-[0-9a-f-]{27})?")


@dataclass(frozen=True)
class NotebookCell:
    """An execution of a notebook cell, or of an input at a prompt.

    Parameters
    ----------
    execution
        Unique for each execution, also of the same cell.
    id
        The front end's cell id; None if it sends none.
    digest
        SHA-256 of the code in hexadecimal.
    execution_count
        The number in brackets next to the cell.
    code
        The code itself.
    """

    execution: str
    id: str | None
    digest: str
    execution_count: int | None
    code: str = ""

    @property
    def base_name(self) -> str:
        """Default figure name: stable across executions of this cell, and distinct from other cells'."""
        if self.id is None:
            return f"cell-{self.digest[:8]}"
        match = _RANDOM_ID.fullmatch(self.id)
        # Ids from other sources may differ only at the end, so their first eight characters are not enough.
        return f"cell-{match[1] if match else _digest(self.id)[:8]}"

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "digest": self.digest, "execution_count": self.execution_count}


class CellFigureNames:
    """Numbers the unnamed figures of an execution: ``a``, ``a-2``, ``a-3``; each execution starts again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: OrderedDict[str, set[str]] = OrderedDict()

    def next(self, execution: str, base: str) -> str:
        with self._lock:
            used = self._used.setdefault(execution, set())
            self._used.move_to_end(execution)
            while len(self._used) > _MAX_EXECUTIONS:
                self._used.popitem(last=False)
            number, name = 1, base
            while name in used:
                number += 1
                suffix = f"-{number}"
                name = base[: MAX_NAME_LENGTH - len(suffix)] + suffix
            used.add(name)
            return name


names = CellFigureNames()


def default_name(title: str, cell: NotebookCell | None) -> str:
    """Derive the name of an unnamed figure from its title, else its cell, else the script."""
    base = slug(title) or (cell.base_name if cell else _script_name())
    return names.next(cell.execution if cell else _PROCESS, base)


def find_cell() -> NotebookCell | None:
    """Return the running cell; None outside IPython."""
    shell = find_shell()
    if shell is None:
        return None
    parent = find_parent(shell)
    content, metadata = parent.get("content") or {}, parent.get("metadata") or {}
    given = content.get("code")
    code = given if isinstance(given, str) else _last_input(shell)
    count = _find_number(shell)
    message = (parent.get("header") or {}).get("msg_id")
    cell_id = metadata.get("cellId")
    return NotebookCell(
        execution=str(message or f"input-{count}"),
        id=cell_id if isinstance(cell_id, str) and cell_id else None,
        digest=_digest(code),
        execution_count=count,
        code=code,
    )


def _find_number(shell: Any) -> int | None:
    """Return the number of the running cell, as its prompt shows it.

    IPython counts up before it runs a cell since 9.18, and after it in earlier versions; the inputs have the number of
    the last one in both.
    """
    count = getattr(shell, "execution_count", None)
    if not isinstance(count, int):
        return None
    inputs = getattr(getattr(shell, "history_manager", None), "input_hist_parsed", ())
    return count - 1 if len(inputs) == count else count


def _last_input(shell: Any) -> str:
    history = getattr(getattr(shell, "history_manager", None), "input_hist_raw", None)
    return str(history[-1]) if history else ""


def _script_name() -> str:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return (slug(Path(file).stem) if isinstance(file, str) else None) or "figure"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
