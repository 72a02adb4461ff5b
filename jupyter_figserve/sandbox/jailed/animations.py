"""Animations that are saved where no program makes films: drawn to their end, and not written. Sandbox, child side."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

_OF_PILLOW = (".gif", ".png", ".apng", ".webp", ".tif", ".tiff")


def install() -> None:
    """Our own ``Animation.save``; once, in the zygote."""
    from matplotlib.animation import Animation

    animation: Any = Animation
    animation.save = _saving(Animation.save)


def _saving(save: Any) -> Any:
    """The figure is as after saving, whether or not a film could be written."""

    @functools.wraps(save)
    def saving(self: Any, filename: Any, writer: Any = None, *args: Any, **options: Any) -> None:
        reason = _why_not(filename, writer)
        if reason:
            print(f"{os.fspath(filename)!r:.200} was not written: {reason}", file=sys.stderr)
            save(self, "film", _blank_writer())
        else:
            save(self, filename, writer, *args, **options)

    return saving


def _why_not(filename: Any, writer: Any) -> str:
    from matplotlib.animation import HTMLWriter, MovieWriter

    if writer in (None, "ffmpeg", "ffmpeg_file", "imagemagick", "imagemagick_file"):
        is_film = os.path.splitext(os.fspath(filename))[1].lower() not in _OF_PILLOW
    else:
        is_film = isinstance(writer, MovieWriter) and not isinstance(writer, HTMLWriter)
    return "the sandbox starts no ffmpeg. A frame is answered." if is_film else ""


@functools.lru_cache(maxsize=1)
def _blank_class() -> Any:
    from matplotlib.animation import AbstractMovieWriter

    class Blank(AbstractMovieWriter):
        """Takes every frame, and makes nothing of it."""

        def setup(self, fig: Any, outfile: Any, dpi: Any = None) -> None:
            AbstractMovieWriter.setup(self, fig, outfile, dpi)

        def grab_frame(self, **_options: Any) -> None:
            pass

        def finish(self) -> None:
            pass

    return Blank


def _blank_writer() -> Any:
    return _blank_class()(fps=1)
