"""Comparison of a figure that was drawn again with its published image. Kernel and jailed child.

The limits were measured with 115 figures (text, images, logarithmic, polar and 3D axes, dates, layouts, styles, fonts,
seaborn, pandas). The same matplotlib and FreeType on the same kind of processor draw equal pixels, also with another
NumPy or Pillow. Between matplotlib 3.11.0 and 3.11.2, and 3.10.0 and 3.10.9, layouts move by up to a pixel, and at most
0.008 % of the pixels are beyond the limits below; with another hinting of texts, as of another FreeType, 1.6 %.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from ..errors import OutputInvalid
from ..model.source_check import DIFFERENT
from .images import open_image

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from .png import Pixels

_SAME_LEVELS, _SAME_PIXELS = 16, 4
"""Of the same engine: differences of colour that nobody sees, and pixels that may differ more."""
_REACH = 2
"""Of another engine: pixels by which content may move."""
_LEVELS = 48
"""Of another engine: difference of colour beyond that of the neighbourhood."""
_SHARE, _SHARE_OF_TEXTS = 0.0003, 0.05
"""Of another engine: part of the pixels that may differ; with another FreeType, texts have other widths."""
_SIDE = 0.05
"""Of another engine: part by which a side may differ, as that of a tight image does."""


Engine = tuple[str, str, str]
"""What pixels depend on besides the figure and its drawing state: the versions of matplotlib and of its FreeType, which
some distributions replace, and the processor's architecture, as floating point may round differently on another one."""


def current_engine() -> Engine:
    """Return the engine of this process."""
    import matplotlib
    from matplotlib import ft2font

    return matplotlib.__version__, ft2font.__freetype_version__, platform.machine().lower()


def check_same_picture(published: bytes, again: bytes, engine: Engine | None) -> None:
    """Check that two encoded raster images show the same picture.

    Parameters
    ----------
    engine
        What drew the published image; None if that is unknown.

    Raises
    ------
    OutputInvalid
        They differ; with the code ``different``.
    """
    if published == again:
        return
    own, before, after = current_engine(), _open(published), _open(again)
    if engine == own:
        is_same = _is_same(before, after)
    else:
        is_same_freetype = engine is not None and engine[1] == own[1]
        is_same = _is_similar(before, after, _SHARE if is_same_freetype else _SHARE_OF_TEXTS)
    if not is_same:
        raise OutputInvalid("Drawn again, the figure does not look as it was published.", code=DIFFERENT)


def _open(data: bytes) -> Image:
    """Decode an image, with transparency on white."""
    from PIL import Image

    image = open_image(data)
    if image.mode != "RGBA":
        return image.convert("RGB")
    canvas = Image.new("RGBA", image.size, "white")
    canvas.alpha_composite(image)
    return canvas.convert("RGB")


def _is_same(before: Image, after: Image) -> bool:
    """Whether all but a few pixels are equal."""
    from PIL import ImageChops

    if before.size != after.size:
        return False
    histograms = ImageChops.difference(before, after).histogram()
    return max(sum(histograms[start + _SAME_LEVELS + 1 : start + 256]) for start in (0, 256, 512)) <= _SAME_PIXELS


def _is_similar(before: Image, after: Image, share: float) -> bool:
    """Whether all but a part of the pixels have a colour between those of the other image's neighbourhood."""
    import numpy as np

    ratios = [abs(one - other) / max(one, other) for one, other in zip(before.size, after.size, strict=True)]
    if max(ratios) > _SIDE:
        return False
    first, second = np.asarray(before), np.asarray(after.resize(before.size))
    return max(_count_unexplained(first, second), _count_unexplained(second, first)) <= share * first[..., 0].size


def _count_unexplained(pixels: Pixels, other: Pixels) -> int:
    """Count the pixels whose colour is not between those of the neighbourhood in another image."""
    import numpy as np

    low, high = (_extreme(other, better) for better in (np.minimum, np.maximum))
    low, high = np.maximum(low, _LEVELS) - _LEVELS, np.minimum(high, 255 - _LEVELS) + _LEVELS
    return int(((pixels < low) | (pixels > high)).any(axis=2).sum())


def _extreme(pixels: Pixels, better: np.ufunc) -> Pixels:
    """Return for each pixel the minimum or maximum of its neighbourhood."""
    for axis in (0, 1):
        pixels = pixels.swapaxes(0, axis)
        found = pixels.copy()
        for step in range(1, _REACH + 1):
            better(found[step:], pixels[:-step], out=found[step:])
            better(found[:-step], pixels[step:], out=found[:-step])
        pixels = found.swapaxes(0, axis)
    return pixels
