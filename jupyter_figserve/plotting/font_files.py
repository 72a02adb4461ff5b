"""Font files that a figure uses and other machines lack: found, reduced and installed. Kernel and jailed child."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_WHOLE_BYTES = 256 * 2**10
"""Larger files are reduced to the characters of the figure and the common ones."""
_COMMON = frozenset(map(chr, (*range(0x20, 0x250), *range(0x370, 0x460), *range(0x2000, 0x2300))))
_MATHTEXT = ("rm", "it", "bf", "bfit", "cal", "sf", "tt")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FontFile:
    """A font file with its entries in matplotlib's list of fonts.

    Parameters
    ----------
    path
        In the process that drew the figure.
    data
        Compressed by zlib.
    entries
        Fields of its ``FontEntry`` objects; none if the figure names the file itself.
    """

    path: str
    data: bytes
    entries: tuple[Mapping[str, Any], ...] = ()


def find_font_files(texts: Iterable[Any]) -> tuple[FontFile, ...]:
    """Return the font files that ``texts`` use, and new tick labels would, without those that matplotlib contains."""
    characters: dict[str, set[str]] = {}
    for prop, used in _fonts_in_use(texts).values():
        for path in _find_paths(prop):
            characters.setdefault(path, set()).update(used)
    return tuple(_read(path, frozenset(used)) for path, used in characters.items())


def _fonts_in_use(texts: Iterable[Any]) -> dict[Any, tuple[Any, set[str]]]:
    """Return the font properties of the texts, of the default font and of mathtext's own, each with its characters."""
    import matplotlib
    from matplotlib.font_manager import FontProperties

    params: Any = matplotlib.rcParams
    found: dict[Any, tuple[Any, set[str]]] = {}
    every: set[str] = set()
    for text in texts:
        used = set(text.get_text())
        every |= used
        prop = text.get_fontproperties()
        found.setdefault(hash(prop), (prop, set()))[1].update(used)
    default = FontProperties()
    found.setdefault(hash(default), (default, set()))
    if params["mathtext.fontset"] == "custom":
        for name in _MATHTEXT:
            prop = FontProperties(params.get(f"mathtext.{name}"))
            found.setdefault(hash(prop), (prop, set()))[1].update(every)
    return found


def _find_paths(prop: Any) -> list[str]:
    """Return the files of a font and its fallbacks that matplotlib does not contain."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import fontManager

    manager: Any = fontManager
    found = []
    for family in prop.get_family():
        one = prop.copy()
        one.set_family(family)
        # Without such a font: the message about it belongs to drawing.
        with contextlib.suppress(ValueError):
            found.append(str(manager.findfont(one, fallback_to_default=False, rebuild_if_missing=False)))
    return [path for path in dict.fromkeys(found) if not path.startswith(get_data_path()) and os.path.isfile(path)]


def _read(path: str, characters: frozenset[str]) -> FontFile:
    from matplotlib.font_manager import fontManager

    entries = [entry for entry in fontManager.ttflist if str(entry.fname) == path]
    index = getattr(entries[0], "index", 0) if entries else 0
    fields = [{**vars(entry), **({"index": 0} if hasattr(entry, "index") else {})} for entry in entries]
    for each in fields:
        del each["fname"]
    return FontFile(path, _contents(path, os.stat(path).st_mtime_ns, index, characters), tuple(fields))


@lru_cache(maxsize=32)
def _contents(path: str, _changed: int, index: int, characters: frozenset[str]) -> bytes:
    data = Path(path).read_bytes()
    if len(data) > _WHOLE_BYTES:
        try:
            data = _reduce(data, index, characters | _COMMON)
        except Exception as error:
            # Such as a bitmap font, which is taken whole.
            _log.debug("The font file %s cannot be reduced: %s: %s", path, type(error).__name__, error)
    return zlib.compress(data, 6)


def _reduce(data: bytes, index: int, characters: frozenset[str]) -> bytes:
    """Return a font file with only these characters, whose glyphs keep their numbers."""
    from fontTools import subset, ttLib  # type: ignore[import-untyped]

    options = subset.Options(
        retain_gids=True, glyph_names=True, notdef_outline=True, layout_features=["*"], name_IDs=["*"]
    )
    options.drop_tables = []
    options.passthrough_tables = True
    with ttLib.TTFont(io.BytesIO(data), fontNumber=index, lazy=True, recalcTimestamp=False) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=map(ord, characters))
        subsetter.subset(font)
        buffer = io.BytesIO()
        font.save(buffer)
    return buffer.getvalue()


@contextlib.contextmanager
def installed(files: tuple[FontFile, ...]) -> Iterator[None]:
    """Temporarily make the fonts available to matplotlib, unless this process has them."""
    from matplotlib.font_manager import FontEntry, FontProperties, fontManager

    manager: Any = fontManager
    known = {str(entry.fname) for entry in manager.ttflist}
    missing = [file for file in files if file.path not in known and not os.path.isfile(file.path)]
    if not missing:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="fonts-", ignore_cleanup_errors=True) as directory:
        moved = {file.path: _write(file, directory, number) for number, file in enumerate(missing)}
        entries = [_entry(FontEntry, moved[file.path], each) for file in missing for each in file.entries]
        manager.ttflist[:0] = entries
        manager._findfont_cached.cache_clear()
        properties: Any = FontProperties
        get_file = properties.get_file
        # Figures keep the names of files that they use directly.
        properties.get_file = lambda self: moved.get(get_file(self), get_file(self))
        try:
            yield
        finally:
            properties.get_file = get_file
            manager.ttflist[:] = [entry for entry in manager.ttflist if not any(entry is own for own in entries)]
            manager._findfont_cached.cache_clear()


def _write(file: FontFile, directory: str, number: int) -> str:
    path = Path(directory, f"{number}{Path(file.path).suffix}")
    path.write_bytes(zlib.decompress(file.data))
    return str(path)


def _entry(kind: Any, path: str, values: Mapping[str, Any]) -> Any:
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(fname=path, **{name: value for name, value in values.items() if name in known})
