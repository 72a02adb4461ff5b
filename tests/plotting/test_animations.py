"""Animations: all frames in every format, within limits, and the author's objects unchanged."""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.animation import ArtistAnimation, FuncAnimation
from PIL import Image

from jupyter_figserve.errors import InvalidInput, OutputInvalid, TooLarge
from jupyter_figserve.plotting.animations import AnimationLimits
from jupyter_figserve.plotting.encode import encode

pytestmark = pytest.mark.filterwarnings("ignore:Animation was deleted", "ignore:frames=", "ignore:Can not start")


_made: list[Any] = []


@pytest.fixture
def drawing() -> Iterator[tuple[Any, Any, Any]]:
    figure, axes = pyplot.subplots(figsize=(1.6, 1.2))
    (line,) = axes.plot([0, 1], [0, 1])
    yield figure, axes, line
    pyplot.close(figure)
    while _made:
        _made.pop()._draw_was_started = True


def animate(drawing: tuple[Any, Any, Any], frames: Any = 4, **options: Any) -> FuncAnimation:
    figure, axes, line = drawing

    def update(index: int) -> tuple[Any, ...]:
        line.set_data([0, 1], [index, 1])
        axes.set_title(f"frame {index}")
        axes.set_ylim(0, 2 + index)
        axes.axvline(index)
        return (line,)

    return keep(FuncAnimation(figure, update, frames=frames, cache_frame_data=False, **options))


def keep(animation: Any) -> Any:
    """Have the fixture keep matplotlib from warning of an animation that was never drawn."""
    _made.append(animation)
    return animation


def pixels(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="rgba")
    return buffer.getvalue()


def read_frames(data: bytes) -> list[np.ndarray]:
    image = Image.open(io.BytesIO(data))
    found = []
    for index in range(image.n_frames):
        image.seek(index)
        found.append(np.asarray(image.convert("RGB")).astype(int))
    return found


@pytest.mark.parametrize(("name", "tolerance"), [("gif", 40), ("apng", 0), ("webp", 0)])
def test_every_frame_has_the_pixels_of_savefig(drawing: Any, name: str, tolerance: int):
    """GIF has 256 colours for each frame; the others are lossless. The interval is the frame's duration."""
    (image, still) = encode(animate(drawing, 3, interval=120), (name, "png")).images
    assert (image.frames, image.duration, still.frames) == (3, 0.36, None)
    expected = []
    for index in range(3):
        animation = animate(drawing, [0])
        for one in (0, *range(index + 1)):  # matplotlib draws the first frame to begin with
            animation._func(one)
        buffer = io.BytesIO()
        drawing[0].savefig(buffer)
        expected.append(np.asarray(Image.open(buffer).convert("RGB")).astype(int))
        for extra in drawing[1].lines[1:]:
            extra.remove()
    found = read_frames(image.data)
    assert len(found) == 3
    assert abs(found[0] - np.asarray(Image.open(io.BytesIO(still.data)).convert("RGB"))).max() <= tolerance
    assert np.abs(found[2] - expected[2]).max() <= tolerance
    assert np.abs(found[0] - found[2]).max() > 100


def test_figure_and_animation_are_unchanged(drawing: Any):
    """Lines, titles, limits and added artists are unchanged, and the live animation continues where it was."""
    figure, axes, line = drawing
    axes.set_title("before")
    animation = animate(drawing, 4)
    before, data, source = pixels(figure), line.get_data(), animation.event_source
    state = {name: value for name, value in vars(animation).items() if name not in ("_tee_from", "frame_seq")}
    encode(animation, ("gif", "png"))
    assert pixels(figure) == before
    assert (axes.get_title(), axes.get_ylim()[1] < 2, len(axes.lines)) == ("before", True, 1)
    assert line.get_data()[1] is data[1] or (line.get_data()[1] == data[1]).all()
    assert animation.event_source is source
    assert {name: vars(animation)[name] for name in state} | {"_draw_was_started": 0} == state | {
        "_draw_was_started": 0
    }
    assert figure.canvas.figure is figure


@pytest.mark.parametrize(
    ("frames", "options", "count"),
    [
        (None, {}, 5),
        (itertools.count(), {}, 5),
        (None, {"save_count": 3}, 3),
        (lambda: iter(range(4)), {}, 4),
        (range(2), {}, 2),
    ],
    ids=["endless", "count", "save_count", "generator function", "range"],
)
def test_endless_animations_are_bounded(drawing: Any, frames: Any, options: dict[str, Any], count: int):
    """An endless animation is published up to the limit, with a warning that says how to choose."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoded = encode(animate(drawing, frames, **options), ("gif",), animation=AnimationLimits(frames=5))
    assert encoded.images[0].frames == count
    assert any("save_count" in str(one.message) and "maximum" in str(one.message) for one in caught) == (count == 5)


def test_an_iterator_can_be_published_again(drawing: Any):
    """Publishing does not use up the author's own iterator."""
    animation = animate(drawing, iter(range(3)), repeat=False)
    assert [encode(animation, ("gif",)).images[0].frames for _ in range(2)] == [3, 3]
    assert list(animation.new_frame_seq()) == [0, 1, 2]


def test_limits_are_named(drawing: Any):
    """Too many frames are refused before any is drawn, too many bytes as soon as they are written."""
    drawn: list[int] = []
    with pytest.raises(TooLarge, match=r"5,000 frames.*animation_frames"):
        encode(keep(FuncAnimation(drawing[0], drawn.append, frames=5_000)), ("gif",))
    assert not drawn
    with pytest.raises(TooLarge, match=r"more than 2,000 bytes.*figure_bytes"):
        encode(animate(drawing, 50), ("gif",), animation=AnimationLimits(bytes=2_000))


def test_progress_tells_frames_and_total(drawing: Any):
    """After each frame."""
    seen: list[tuple[int, int | None]] = []
    limits = AnimationLimits(progress=lambda done, total, _size: seen.append((done, total)))
    encode(animate(drawing, 3), ("gif",), animation=limits)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_artist_animation_and_pause(drawing: Any):
    """Each list of artists is a frame; the pause before a repetition is that of the last frame."""
    artists = [[drawing[1].imshow(np.full((2, 2), shade), vmin=0, vmax=2)] for shade in range(3)]
    animation = ArtistAnimation(drawing[0], artists, interval=100, repeat_delay=500)
    image = encode(animation, ("apng",)).images[0]
    assert (image.frames, image.duration) == (3, 0.8)
    assert np.abs(read_frames(image.data)[0] - read_frames(image.data)[2]).max() > 100


def test_frames_of_a_pillow_image_are_kept():
    """With their durations and transparency; the image stays at its frame."""
    images = [Image.new("RGBA", (9, 7), (200, 20 * index, 9, 255)) for index in range(4)]
    for image in images:
        image.putpixel((0, 0), (0, 0, 0, 0))
    buffer = io.BytesIO()
    images[0].save(
        buffer, "WEBP", save_all=True, append_images=images[1:], duration=[100, 200, 300, 400], lossless=True
    )
    source = Image.open(buffer)
    source.seek(2)
    for name in ("gif", "apng", "webp"):
        image = encode(source, (name,)).images[0]
        assert (image.frames, image.duration) == (4, 1.0)
        found = Image.open(io.BytesIO(image.data))
        found.seek(3)
        assert found.convert("RGBA").getpixel((0, 0))[3] == 0
        assert np.abs(np.subtract(found.convert("RGB").getpixel((4, 4)), (200, 60, 9))).max() <= 8
    assert source.tell() == 2


def test_bytes_of_an_animation_move_in_another_format_too():
    """As an opened image does; a format that does not move has the first frame."""
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue", "green")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0)
    for name, count in (("gif", 3), ("webp", 3), ("apng", 3), ("jpg", 1)):
        (image,) = encode(buffer.getvalue(), (name,)).images
        assert getattr(Image.open(io.BytesIO(image.data)), "n_frames", 1) == count


def test_what_cannot_be_animated_says_so(drawing: Any):
    """No frames, and a crop that would change the size from frame to frame."""
    with pytest.raises(OutputInvalid, match="no frames"):
        encode(animate(drawing, []), ("gif",))
    with pytest.raises(InvalidInput, match="tight"):
        encode(animate(drawing), ("gif",), tight=True)


def test_a_still_of_an_animation_is_its_first_frame(drawing: Any):
    """Formats that do not move have the first frame; a still figure as GIF has one frame."""
    assert encode(animate(drawing), ("png",)).images[0].frames is None
    assert encode(drawing[0], ("gif",)).images[0].frames is None
