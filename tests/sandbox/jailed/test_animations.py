"""Animations of posted code: they move in a format that can, and a frame is returned in others."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ..harness import Sandbox

ANIMATION = """
import matplotlib.pyplot as plt
from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter
figure, axes = plt.subplots(figsize=(3, 2))
(line,) = axes.plot([], [])
axes.set(xlim=(0, 1), ylim=(0, 1))
def step(frame):
    line.set_data([0, frame / 9], [0, frame / 9])
    return (line,)
animation = FuncAnimation(figure, step, frames=9)
"""


@pytest.mark.parametrize(
    "save",
    [
        "animation.save('a.mp4')",
        pytest.param("animation.save('a.mp4', writer='ffmpeg', fps=30, dpi=50)", marks=pytest.mark.nightly),
        "animation.save('a.mp4', writer=FFMpegWriter(fps=5))",
        pytest.param("animation.save('a.avi', fps=5)", marks=pytest.mark.nightly),
        pytest.param("import pathlib; animation.save(pathlib.Path('a.mov'))", marks=pytest.mark.nightly),
    ],
)
def test_a_video_is_rendered_but_not_written(full_sandbox: Sandbox, save: str):
    """The figure is the same as after a GIF, and the output reports the file that was not written."""
    kept = full_sandbox.render(ANIMATION + "animation.save('a.gif', writer=PillowWriter(fps=5))")
    answer = full_sandbox.render(ANIMATION + save)
    assert answer.images[0].data == kept.images[0].data
    assert "was not written: the sandbox does not start ffmpeg" in answer.output
    assert not kept.output


def test_formats_without_a_program_are_written(full_sandbox: Sandbox):
    """GIF by Pillow, and HTML."""
    code = ANIMATION + "animation.save('a.gif')\nprint(open('a.gif', 'rb').read(3), len(animation.to_jshtml()) > 10**4)"
    assert "b'GIF' True" in full_sandbox.render(code).output


@pytest.mark.parametrize("end", ["animation.save('a.gif')", "plt.show()", "figure", "animation", "plt.close(figure)"])
def test_the_result_moves_in_a_format_that_can(full_sandbox: Sandbox, end: str):
    """However the code ends; another figure does not."""
    answer = full_sandbox.render(ANIMATION + end, format="gif").images[0]
    assert Image.open(io.BytesIO(answer.data)).n_frames == 9
    still = full_sandbox.render(ANIMATION + end + "\nplt.figure().gca().plot([1, 2])", format="gif").images[0]
    assert getattr(Image.open(io.BytesIO(still.data)), "n_frames", 1) == 1
