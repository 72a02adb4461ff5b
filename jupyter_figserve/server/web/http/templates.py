"""Templates and static files of the pages. Server process.

Static files are read once; no request opens a path.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from datetime import datetime, timezone
from functools import cache
from html import escape
from pathlib import Path

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

from ....model.audiences import describe_audience
from ....model.byte_counts import format_bytes
from ....model.links import Link
from ....model.times import rfc3339

PACKAGE = Path(__file__).parents[3]
"""Directory of the package, with ``templates``, ``static`` and ``openapi.yaml``."""
_SEPARATOR = re.compile(r"(?<=[_/\\\-])(?=\w)")


class CompiledTemplates(FileSystemBytecodeCache):
    """Compiled templates on disk, which save each start 0.4 s of CPU time; where they cannot be kept, nothing fails."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


def find_compiled(directory: Path) -> CompiledTemplates | None:
    """Return the compiled templates in a directory, which is created; None unless only this user can write there."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
    except OSError:
        return None
    is_private = stat.S_ISDIR(found.st_mode)
    if hasattr(os, "geteuid"):  # Windows keeps a user's profile from others by other means.
        is_private = is_private and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return CompiledTemplates(str(directory)) if is_private else None


@cache
def make_templates() -> Environment:
    """Return the environment of the templates; all are autoescaped, since titles, names and paths come from users."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    environment = Environment(
        loader=FileSystemLoader(PACKAGE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        bytecode_cache=find_compiled(Path(base) / "jupyter_figserve" / "templates"),
    )
    environment.globals["static_url"] = static_url
    environment.filters |= {
        "rfc3339": rfc3339,
        "day": _day,
        "minute": _minute,
        "bytes": format_bytes,
        "count_of": _count_of,
    }
    environment.filters |= {"for_whom": _for_whom, "breakable": _Breakable}
    return environment


def compile_templates(environment: Environment) -> None:
    """Compile all templates, for a thread: the first request of each would do it on the event loop."""
    for name in environment.list_templates():
        environment.get_template(name)


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Return the bytes and the digest of every static file by name; folders on disk are not part of the URL."""
    found = sorted((PACKAGE / "static").rglob("*.*"), key=lambda path: path.name)
    return {path.name: (path.read_bytes(), hashlib.sha256(path.read_bytes()).hexdigest()[:16]) for path in found}


@cache
def static_digest() -> str:
    """Return one digest for all files: modules import each other by relative URLs, which must change together."""
    return hashlib.sha256("".join(digest for _, digest in static_files().values()).encode()).hexdigest()[:16]


def static_url(root: str, name: str) -> str:
    """Return the URL of a static file with the digest as a directory, so that caches may keep it forever."""
    assert name in static_files(), name
    return f"{root}/static/{static_digest()}/{name}"


def _for_whom(link: Link) -> str:
    return describe_audience(link.audience, link.users, link.groups)


class _Breakable(str):
    """A name that may break after its separators, so that a long one need not break in the middle of a word."""

    def __html__(self) -> str:
        return "<wbr>".join(escape(part) for part in _SEPARATOR.split(self))


_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
"""As ``dates.js`` writes them, in any locale of the server."""


def _day(stamp: float) -> str:
    moment = datetime.fromtimestamp(stamp, tz=timezone.utc)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _minute(stamp: float) -> str:
    return f"{_day(stamp)}, {datetime.fromtimestamp(stamp, tz=timezone.utc):%H:%M} UTC"


def _count_of(number: int, what: str) -> str:
    """``1 figure``, ``2,000 figures``."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
