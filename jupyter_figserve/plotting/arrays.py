"""NumPy arrays as images. Kernel."""

from __future__ import annotations

from typing import Any

from ..errors import OutputInvalid
from .images import check_pixels


def image_of_array(array: Any) -> Any:
    """Return a Pillow image of rows, columns and 0, 1, 3 or 4 channels; floats are from 0 to 1.

    Parameters
    ----------
    array
        Shape (height, width) or (height, width, channels) with 1, 3 or 4 channels; bool, uint8, floats from 0 to 1, or
        uint16 with one channel.

    Raises
    ------
    OutputInvalid
        It has another shape or type, floats beyond 0 to 1, or too many pixels.
    """
    import numpy as np
    from PIL import Image

    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if not array.size or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise OutputInvalid(
            f"An array of shape {array.shape} is not an image. Use (height, width), (height, width, 3) or"
            " (height, width, 4)."
        )
    check_pixels(array.shape[1], array.shape[0])
    if array.dtype.kind == "f":
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise OutputInvalid(
                "A floating-point array must have values from 0 to 1, without NaN, to be an image. Scale it, or draw it"
                " with plt.imshow."
            )
        array = np.round(array * 255).astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    is_deep = array.dtype == np.uint16 and array.ndim == 2
    if array.dtype != np.uint8 and not is_deep:
        raise OutputInvalid(
            f"An array of type {array.dtype} is not an image. Use uint8, or floats from 0 to 1, or draw it with"
            " plt.imshow."
        )
    return Image.fromarray(np.ascontiguousarray(array))
