"""The pixels of an encoded image, as Pillow decodes them."""

from __future__ import annotations

import io

import numpy as np


def pixels(data: bytes) -> np.ndarray:
    """Return rows of RGBA, of eight bits each."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def colours(data: bytes) -> np.ndarray:
    """Return rows of RGB as whole numbers, which can be subtracted."""
    return pixels(data)[..., :3].astype(int)
