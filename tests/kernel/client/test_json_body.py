"""JSON bodies: NumPy's scalars are numbers, and what cannot be sent is named by its field."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.kernel.client.json_body import encode_json


def test_scalars_of_numpy_are_numbers():
    """Of a loop over an array, such as ``views=counts[0]``."""
    value = {"views": np.int64(3), "data": np.bool_(True), "width": np.float32(1.5), "x": np.array(2)}
    assert json.loads(encode_json(value)) == {"views": 3, "data": True, "width": 1.5, "x": 2}


@pytest.mark.parametrize("value", [b"x", {1}, object(), int, np.arange(3), 1j, {"x": object()}, [{1}], {(1, 2): 3}])
def test_wrong_field_is_named(value: Any):
    """Not Python's words about JSON."""
    with pytest.raises(InvalidInput, match=rf"^label cannot be a value of type {type(value).__name__}\.$"):
        encode_json({"expires": "7d", "label": value})


def test_nested_forever():
    """A list that contains itself has no end."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidInput, match="label"):
        encode_json({"label": endless})
