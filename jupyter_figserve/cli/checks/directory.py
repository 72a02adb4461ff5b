"""A data directory: its rights, its disk, its file system, its catalog. Any process."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..output import size
from .result import Result, note, ok, wrong

_MIN_BYTES = 100 * 2**20
_ENOUGH_BYTES = 2**30
_MIN_SHARE = 0.05


def check_directory(path: Path) -> Iterator[Result]:
    """One on this machine, whether a server has it or not."""
    from ...store.admin.diagnosis import find_fault, inspect_directory
    from ...store.admin.opening import CATALOG

    found = inspect_directory(path).as_json()
    if not found["exists"]:
        yield note("directory", str(path), "It is not there yet; the first server that starts makes it.")
        return
    yield from judge_directory(found)
    fault = find_fault(path / CATALOG)
    if fault is not None:
        yield _bad_catalog(str(path), f"Its catalog {fault}.")
    yield from _check_lock(path)


def judge_directory(found: Mapping[str, Any], read_only_because: str | None = None) -> Iterator[Result]:
    """What ``inspect_directory`` found, here or on the server's machine."""
    path, results = str(found["path"]), []
    if not found["is_own"] or not found["is_writable"]:
        whose = "belongs to another user" if not found["is_own"] else "cannot be written"
        mend = f"sudo chown -R $USER {shlex.quote(path)} && chmod -R u+rwX {shlex.quote(path)}"
        results.append(wrong("permissions", path, f"It {whose}: nothing new can be kept.", mend))
    if found["open_to_others"]:
        names = " and ".join(found["open_to_others"])
        says = f"Other users of the machine may look into {names}."
        results.append(wrong("permissions", path, says, f"chmod -R go-rwx {shlex.quote(path)}"))
    if found["network_type"]:
        says = (
            f"Its catalog lies on a network file system ({found['network_type']}), where one server at a time can have"
            " it, and a second one does not start."
        )
        mend = 'c.FigServe.database_url = "sqlite:////var/tmp/figserve-catalog.db"  # any path on a local disk'
        results.append(wrong("network_file_system", path, says, mend))
    results += _judge_room(path, found)
    if read_only_because:
        if "damaged" in read_only_because or "reindex" in read_only_because:
            results.append(_bad_catalog(path, f"The server only reads: {read_only_because}."))
        else:
            says = f"The server keeps nothing new: {read_only_because}."
            results.append(wrong("catalog", path, says, f"chmod -R u+rwX {shlex.quote(path)}, then restart the server"))
    yield from results or [ok("directory", path, "It is a directory of one's own on a local disk with room left.")]


def _judge_room(path: str, found: Mapping[str, Any]) -> list[Result]:
    free, total = found["free"], found["total"]
    if free is None or not total:
        return []
    if free >= _MIN_BYTES and (free >= _ENOUGH_BYTES or free / total >= _MIN_SHARE):
        return []
    says = f"Its disk is nearly full: {size(free)} of {size(total)} are free."
    return [wrong("disk", path, says, f"jupyter figserve gc --data-dir {shlex.quote(path)}")]


def _bad_catalog(path: str, says: str) -> Result:
    mend = f"jupyter figserve reindex --data-dir {shlex.quote(path)}  # with its servers stopped"
    return wrong("catalog", path, says, mend)


def _check_lock(path: Path) -> Iterator[Result]:
    """Servers share it; who holds it alone keeps every other one from starting."""
    from ...errors import Conflict
    from ...store.files.filesystem import DirectoryLock

    lock = DirectoryLock(path)
    if not lock.path.exists():
        return
    try:
        with lock.held(exclusive=False):
            return
    except Conflict:
        says = "A process holds it alone: `reindex` is at work, or a server has it on a network file system."
        yield wrong("lock", str(path), says, "wait for the reindex, or stop that server")
    except OSError:
        return
