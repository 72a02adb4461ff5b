"""Animations: the frames of matplotlib's and Pillow's, drawn one by one within limits. Kernel and jailed child."""

from __future__ import annotations

import itertools
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, OutputInvalid, TooLarge
from ..model.figures import EncodedImage
from ..model.formats import ANIMATION_FORMATS, FORMATS, Format
from .canvas import draw
from .figure_snapshot import preserved
from .frame_writers import WRITERS, FrameWriter, check_size
from .images import PNG, check_pixels
from .libraries import PILLOW, is_instance
from .raster import prepare, rgba_of

if TYPE_CHECKING:
    from .png import Pixels

_DEFAULT_SECONDS = 0.1


@dataclass(frozen=True)
class AnimationLimits:
    """Maximum number of frames and of bytes, and a callback with the frames drawn and their number, if known."""

    frames: int = 1_000
    bytes: int = 32 * 2**20
    progress: Callable[[int, int | None, int], None] | None = None


@dataclass(frozen=True)
class Frames:
    """An animation before it is drawn.

    Parameters
    ----------
    total
        Number of frames; None if unknown, as for an endless generator.
    draw
        Draws each frame; yields its pixels, its seconds and its resolution.
    loops
        Number of plays, 0 for endless.
    pause
        Seconds that the last frame is shown longer.
    """

    total: int | None
    draw: Callable[[], Generator[tuple[Pixels, float, float | None], None, None]]
    loops: int = 0
    pause: float = 0.0


def has_animated_format(rows: Sequence[Format]) -> bool:
    """Whether a format is one that animations are published in."""
    return any(row.name in ANIMATION_FORMATS for row in rows)


def is_animation(obj: object) -> bool:
    """Whether an object is matplotlib's animation, or a Pillow image with several frames."""
    return is_instance(obj, "matplotlib.animation", "Animation") or is_animated_image(obj)


def is_animated_image(obj: object) -> bool:
    if not is_instance(obj, *PILLOW) or getattr(obj, "format", None) == "TIFF":
        return False  # the pages of a TIFF are no animation
    return int(getattr(obj, "n_frames", 1)) > 1


def encode_frames(
    frames: Frames,
    rows: Sequence[Format],
    limits: AnimationLimits,
    still: Callable[[Format, Any], EncodedImage],
    on_first_frame: Callable[[], None],
) -> tuple[tuple[EncodedImage, ...], Pixels]:
    """Encode an animation; return the images in the order of ``rows``, and the first frame.

    Parameters
    ----------
    still
        Encodes the first frame in a format that does not move; called while that frame is drawn.
    on_first_frame
        Called when the first frame has been drawn.

    Raises
    ------
    TooLarge
        It has too many frames or bytes.
    OutputInvalid
        It has no frames, or frames of several sizes.
    """
    _check_total(frames.total, limits.frames)
    writers: dict[str, FrameWriter] = {row.name: WRITERS[row.name]() for row in rows if row.name in WRITERS}
    images: dict[str, EncodedImage] = {}
    first, resolution, last, count, seconds = None, None, None, 0, frames.pause
    with closing(frames.draw()) as drawing:
        for pixels, duration, dpi in drawing:
            if count == limits.frames:
                _warn_of_more(limits.frames)
                break
            if first is None:
                first, resolution = pixels.copy(), dpi
                on_first_frame()
                images = {row.name: still(row, first) for row in rows if row.name not in WRITERS}
            _check_shape(first, pixels)
            if last is not None:
                _add(writers, *last, limits, count)
            last = pixels.copy(), duration
            count, seconds = count + 1, seconds + duration
            if limits.progress is not None:
                limits.progress(count, frames.total, max(writer.size for writer in writers.values()))
    if first is None or last is None:
        raise OutputInvalid(
            "The animation has no frames. If frames is a generator, it may be used up: pass a function."
        )
    _add(writers, last[0], last[1] + frames.pause, limits, count)
    size = (first.shape[1], first.shape[0], resolution)
    moving = _finish(writers, frames.loops, size, (count, round(seconds, 3)) if count > 1 else (None, None), limits)
    return tuple((images | moving)[row.name] for row in rows), first


def _finish(writers: Mapping[str, FrameWriter], loops: int, size: Any, timing: Any, limits: AnimationLimits) -> Any:
    images: dict[str, EncodedImage] = {}
    for name, writer in writers.items():
        data = writer.finish(loops)
        check_size(len(data), limits.bytes, timing[0] or 1)
        images[name] = EncodedImage(FORMATS[name].mimetype, data, *size, *timing)
    return images


def _check_total(total: int | None, limit: int) -> None:
    if total is not None and total > limit:
        raise TooLarge(
            f"The animation has {total:,} frames; the maximum is {limit:,} (FigServe.animation_frames)."
            " Use fewer, such as every second one: frames=range(0, n, 2)."
        )


def _add(
    writers: Mapping[str, FrameWriter], frame: Pixels, seconds: float, limits: AnimationLimits, count: int
) -> None:
    for writer in writers.values():
        writer.add(frame, seconds)
        check_size(writer.size, limits.bytes, count)


def frames_of_animation(animation: Any, options: Mapping[str, Any]) -> Frames:
    """Return the frames of a matplotlib animation, which is as before when they are drawn.

    Raises
    ------
    InvalidInput
        For ``tight``: the size would change from frame to frame.
    """
    if "bbox_inches" in options:
        raise InvalidInput(
            "tight is not available for animations, whose size would change from frame to frame. Use"
            " figure.set_layout_engine('tight')."
        )
    total = getattr(animation, "_save_count", None)
    if hasattr(animation, "_framedata"):
        total = len(animation._framedata)
    interval = float(getattr(animation, "_interval", 1000 * _DEFAULT_SECONDS)) / 1000
    repeats = bool(getattr(animation, "_repeat", True))
    pause = float(getattr(animation, "_repeat_delay", 0) or 0) / 1000 if repeats else 0.0

    def run() -> Generator[tuple[Pixels, float, float | None], None, None]:
        with preserved(animation._fig, animation):
            animation._draw_was_started = True
            for data in _frame_data(animation):
                animation._pre_draw(data, False)
                animation._draw_frame(data)
                raster = draw(animation._fig, options)
                yield raster.pixels, interval, raster.dpi
        # Without this, matplotlib warns that a published animation was never drawn.
        animation._draw_was_started = True

    return Frames(total, run, 0 if repeats else 1, pause)


def _frame_data(animation: Any) -> Iterator[Any]:
    """Start a new run over all frames, also of an animation that has been played in part."""
    if hasattr(animation, "_save_seq"):
        animation._save_seq = deque(maxlen=animation._save_count)
    iterate = getattr(animation, "_iter_gen", None)
    if iterate is not None and not hasattr(animation, "_tee_from"):
        given = iterate()
        if given is iterate():
            # The user's own iterator, with repeat=False: the animation continues with a copy.
            mine, rest = itertools.tee(given)
            animation.frame_seq = rest
            animation._iter_gen = lambda: animation.frame_seq
            return mine
    animation._init_draw()
    if hasattr(animation, "_save_seq"):
        animation._save_seq.clear()
    frames: Iterator[Any] = iter(animation.new_saved_frame_seq())
    return frames


def frames_of_image(image: Any) -> Frames:
    """Return the frames of a Pillow image, which is at the same frame as before when they are read."""
    check_pixels(image.width, image.height)

    def run() -> Generator[tuple[Pixels, float, float | None], None, None]:
        at = image.tell()
        try:
            for index in range(image.n_frames):
                image.seek(index)
                pixels = rgba_of(prepare(image)[0])
                # Pillow knows the duration of a WebP frame once it is decoded.
                duration = image.info.get("duration") or 1000 * _DEFAULT_SECONDS
                yield pixels, float(duration) / 1000, None
        finally:
            image.seek(at)

    return Frames(int(image.n_frames), run, _loops_of(image))


def _loops_of(image: Any) -> int:
    """Return the number of plays; GIF counts repetitions, and without a number plays once."""
    loops = image.info.get("loop")
    if image.format != "GIF":
        return int(loops or 0)
    return 1 if loops is None else int(loops) and int(loops) + 1


def default_formats(obj: Any) -> tuple[str, ...]:
    """Return the formats of an animation that none were chosen for: its own or GIF, and a PNG of the first frame."""
    own = {"WEBP": "webp", "PNG": "apng"}.get(getattr(obj, "format", None) or "", "gif")
    return own, PNG.name


def _check_shape(first: Pixels, pixels: Pixels) -> None:
    if first.shape != pixels.shape:
        sizes = [f"{shape[1]} by {shape[0]}" for shape in (first.shape, pixels.shape)]
        raise OutputInvalid(
            f"The frames of an animation must have one size; these are {sizes[0]} and {sizes[1]} pixels."
        )


def _warn_of_more(frames: int) -> None:
    warnings.warn(
        f"The animation has no end, or more than {frames:,} frames, the maximum (FigServe.animation_frames); the first"
        f" {frames:,} are used. Pass save_count to the animation to choose.",
        stacklevel=2,
    )
