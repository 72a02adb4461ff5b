"""The pages' templates: everything is escaped, and words, times and sizes read well. Server process."""

from __future__ import annotations

from datetime import datetime, timezone

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ....model.times import rfc3339
from ..context import PACKAGE
from .assets import static_url


def make_templates() -> Environment:
    """Autoescape is on for all: titles, names and paths are other people's words."""
    environment = Environment(
        loader=FileSystemLoader(PACKAGE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals["static_url"] = static_url
    environment.filters |= {"rfc3339": rfc3339, "day": _day, "minute": _minute, "bytes": _bytes, "count_of": _count_of}
    return environment


def _day(stamp: float) -> str:
    moment = datetime.fromtimestamp(stamp, tz=timezone.utc)
    return f"{moment.day} {moment:%B %Y}"


def _minute(stamp: float) -> str:
    return f"{_day(stamp)}, {datetime.fromtimestamp(stamp, tz=timezone.utc):%H:%M} UTC"


def _bytes(size: int) -> str:
    value = float(size)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"


def _count_of(number: int, what: str) -> str:
    """``1 figure``, ``2,000 figures``."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
