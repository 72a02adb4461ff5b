"""Animations of posted code: the one that the result moves with, and saving without a video encoder. Zygote, child."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...plotting.resolve import ResolvedFigure

_PILLOW_SUFFIXES = (".gif", ".png", ".apng", ".webp", ".tif", ".tiff")


def install() -> None:
    """Replace ``Animation.save``; called once, in the zygote."""
    from matplotlib.animation import Animation

    animation: Any = Animation
    animation.save = _wrap_save(Animation.save)


def with_animation(found: Any, names: Mapping[str, Any]) -> Any:
    """Return a figure with the animation of it among the variables, the last one, if there is any."""
    from matplotlib.animation import Animation

    if not isinstance(found, ResolvedFigure) or found.animation is not None:
        return found
    made = (one for one in reversed(list(names.values())) if isinstance(one, Animation))
    moving = next((one for one in made if getattr(one, "_fig", None) is found.figure), None)
    return replace(found, animation=moving)


def _wrap_save(save: Any) -> Any:
    """Wrap ``save`` so that the figure ends at its last frame, whether or not a file can be written."""

    @functools.wraps(save)
    def saving(self: Any, filename: Any, writer: Any = None, *args: Any, **options: Any) -> None:
        reason = _find_obstacle(filename, writer)
        if reason:
            print(f"{os.fspath(filename)!r:.200} was not written: {reason}", file=sys.stderr)
            save(self, "video", _null_writer_class()(fps=1))
        else:
            save(self, filename, writer, *args, **options)

    return saving


def _find_obstacle(filename: Any, writer: Any) -> str:
    """Return why the file cannot be written, ``""`` if it can."""
    from matplotlib.animation import HTMLWriter, MovieWriter

    if writer in (None, "ffmpeg", "ffmpeg_file", "imagemagick", "imagemagick_file"):
        is_video = os.path.splitext(os.fspath(filename))[1].lower() not in _PILLOW_SUFFIXES
    else:
        is_video = isinstance(writer, MovieWriter) and not isinstance(writer, HTMLWriter)
    return "the sandbox does not start ffmpeg. The result is a single frame." if is_video else ""


@functools.lru_cache(maxsize=1)
def _null_writer_class() -> Any:
    from matplotlib.animation import AbstractMovieWriter

    class NullWriter(AbstractMovieWriter):
        """Accepts every frame and discards it."""

        def setup(self, fig: Any, outfile: Any, dpi: Any = None) -> None:
            AbstractMovieWriter.setup(self, fig, outfile, dpi)

        def grab_frame(self, **_options: Any) -> None:
            pass

        def finish(self) -> None:
            pass

    return NullWriter
