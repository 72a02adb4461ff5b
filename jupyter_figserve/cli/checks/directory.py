"""Checks of a data directory: permissions, disk, file system, catalog. Any process."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..output import format_size
from .result import Result, note, ok, wrong

_MIN_BYTES = 100 * 2**20
_PLENTY_BYTES = 2**30
_MIN_FRACTION = 0.05


def check_directory(path: Path) -> Iterator[Result]:
    """Check a directory on this machine, whether or not a server uses it."""
    from ...store.admin.diagnosis import find_defect, inspect_directory
    from ...store.admin.opening import CATALOG

    if path.exists() and not path.is_dir():
        yield wrong(
            "directory", str(path), "It is a file, not a directory.", "jupyter figserve doctor --data-dir DIRECTORY"
        )
        return
    found = inspect_directory(path).as_json()
    if not found["exists"]:
        yield note("directory", str(path), "It does not exist yet. The first server creates it.")
        return
    yield from assess_directory(found)
    problem = find_defect(path / CATALOG)
    if problem is not None:
        yield _bad_catalog(str(path), f"Its catalog {problem}.")
    yield from _check_lock(path)


def assess_directory(found: Mapping[str, Any], read_only_because: str | None = None) -> Iterator[Result]:
    """Assess the result of ``inspect_directory``, on this machine or on the server's."""
    path, results = str(found["path"]), []
    if not found["is_own"] or not found["is_writable"]:
        problem = "belongs to another user" if not found["is_own"] else "is not writable"
        mend = f"sudo chown -R $USER {shlex.quote(path)} && chmod -R u+rwX {shlex.quote(path)}"
        results.append(wrong("permissions", path, f"It {problem}, so nothing can be stored.", mend))
    if found["open_to_others"]:
        names = " and ".join(found["open_to_others"])
        says = f"Other users of the machine can read {names}."
        results.append(wrong("permissions", path, says, f"chmod -R go-rwx {shlex.quote(path)}"))
    if found["network_type"]:
        says = (
            f"Its catalog is on a network file system ({found['network_type']}), where only one server at a time can"
            " use it. A second server does not start."
        )
        mend = 'c.FigServe.database_url = "sqlite:////var/tmp/figserve-catalog.db"  # any path on a local disk'
        results.append(wrong("network_file_system", path, says, mend))
    results += _assess_space(path, found)
    if read_only_because:
        if "damaged" in read_only_because or "reindex" in read_only_because:
            results.append(_bad_catalog(path, f"The server is read-only: {read_only_because}."))
        else:
            says = f"The server cannot store anything: {read_only_because}."
            results.append(wrong("catalog", path, says, f"chmod -R u+rwX {shlex.quote(path)}, then restart the server"))
    yield from results or [ok("directory", path, "It is private, on a local disk with free space.")]


def _assess_space(path: str, found: Mapping[str, Any]) -> list[Result]:
    free, total = found["free"], found["total"]
    if free is None or not total:
        return []
    if free >= _MIN_BYTES and (free >= _PLENTY_BYTES or free / total >= _MIN_FRACTION):
        return []
    says = f"Its disk is nearly full: {format_size(free)} of {format_size(total)} are free."
    return [wrong("disk", path, says, f"jupyter figserve gc --data-dir {shlex.quote(path)}")]


def _bad_catalog(path: str, says: str) -> Result:
    mend = f"jupyter figserve reindex --data-dir {shlex.quote(path)}  # with its servers stopped"
    return wrong("catalog", path, says, mend)


def _check_lock(path: Path) -> Iterator[Result]:
    """Check the lock: servers share it, and an exclusive holder prevents them from starting."""
    from ...errors import Conflict
    from ...store.files.filesystem import DirectoryLock

    lock = DirectoryLock(path)
    if not lock.path.exists():
        return
    try:
        with lock.held(exclusive=False):
            return
    except Conflict:
        says = "A process has locked it: `reindex` is running, or a server uses it on a network file system."
        yield wrong("lock", str(path), says, "wait for reindex, or stop that server")
    except OSError:
        return
