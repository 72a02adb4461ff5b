"""Reducers of matplotlib's parts, with which a figure is pickled in half the time. Kernel and jailed child.

The transforms make a figure's pickle slow: each artist has its own clip box, made of five transforms with nine small
arrays, although all artists of an Axes share the same clip. Here equal clip boxes are written once, small arrays as
numbers, callback registries as new ones, and the caches of transforms are left out. The result is an ordinary pickle,
and draws the same pixels at any size.
"""

from __future__ import annotations

import copyreg
import functools
import pickle
import sys
from typing import Any

_MAX_INLINE_SIZE = 16
"""Arrays up to this size are written faster as numbers."""


def make_reducers() -> dict[type, Any]:
    """Return the reducers for the pickle of one figure, by exact class."""
    return {**_arrays(), **_registries(), **_triangulations(), **_Transforms().table()}


@functools.lru_cache(maxsize=1)
def _arrays() -> dict[type, Any]:
    import numpy as np

    double = np.dtype(float)

    def reduce_array(array: Any) -> Any:
        if array.dtype is double and array.ndim and 0 < array.size <= _MAX_INLINE_SIZE:
            return np.array, (array.tolist(),)
        return array.__reduce_ex__(pickle.HIGHEST_PROTOCOL)

    return {np.ndarray: reduce_array}


def _registries() -> dict[type, Any]:
    """Reduce the callback registry of each artist, of which a pickle keeps only marked callbacks."""
    from matplotlib import cbook

    kind = cbook.CallbackRegistry
    printer = kind().exception_handler
    makers: dict[tuple[str, ...], functools.partial[Any]] = {}

    def reduce_registry(registry: Any) -> Any:
        signals = registry._signals
        if registry._pickled_cids or signals is None or registry.exception_handler is not printer:
            return registry.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return makers.setdefault(tuple(signals), functools.partial(kind, signals=signals)), ()

    return {kind: reduce_registry}


def _triangulations() -> dict[type, Any]:
    """Reduce triangulations without their compiled parts, which cannot be pickled and are made again when needed."""
    tri = sys.modules.get("matplotlib.tri")
    if tri is None:
        return {}

    def reduce_triangulation(triangulation: Any) -> Any:
        compiled = {"_cpp_triangulation": None, "_trifinder": None}
        return copyreg.__newobj__, (type(triangulation),), triangulation.__dict__ | compiled  # type: ignore[attr-defined]

    return {tri.Triangulation: reduce_triangulation}


class _Transforms:
    """Reducers for the transforms of one figure.

    An artist's clip box is, as ``Artist.set_clip_path`` constructs it, a unit ``Bbox`` transformed by the rectangle of
    its Axes' patch: ``TransformedBbox(Bbox, (BboxTransformTo(Bbox) + Affine2D) + transAxes)``.
    """

    def __init__(self) -> None:
        from matplotlib import transforms

        self._transforms: Any = transforms
        self._clip_boxes: dict[tuple[Any, ...], Any] = {}
        self._found: dict[int, Any] = {}

    def table(self) -> dict[type, Any]:
        """Return the reducers by exact class; subclasses use their own."""
        made = self._transforms
        plain = (made.Affine2D, made.Bbox, made.BboxTransformTo, made.CompositeGenericTransform, made.IdentityTransform)
        return {**dict.fromkeys(plain, self._reduce), made.TransformedBbox: self._reduce_box}

    def _reduce(self, node: Any) -> Any:
        """Reduce a node like ``TransformNode.__getstate__``, without unwritten parents and cached inverses."""
        state = dict(node.__dict__)
        parents = ((key, reference()) for key, reference in state["_parents"].items())
        state["_parents"] = {key: parent for key, parent in parents if parent is not None and self._is_kept(parent)}
        if "_inverted" in state:
            state["_inverted"] = None
        return copyreg.__newobj__, (type(node),), state  # type: ignore[attr-defined]  # not in its type stub

    def _reduce_box(self, box: Any) -> Any:
        first = self._first_equal(box)
        # Another box of the same parts, not the same box: PDF files group artists by their clip box.
        return self._reduce(box) if first is box else (type(box), (first._bbox, first._transform))

    def _is_kept(self, parent: Any) -> bool:
        """Whether a parent is written; the transform of a repeated clip box is not."""
        made = self._transforms
        if type(parent) is not made.CompositeGenericTransform or len(parent._parents) != 1:
            return True
        (reference,) = parent._parents.values()
        box = reference()
        return type(box) is not made.TransformedBbox or self._first_equal(box) is box

    def _first_equal(self, box: Any) -> Any:
        """Return the first equal clip box of the same Axes, or ``box`` itself."""
        found = self._found.get(id(box))
        if found is None:
            found = self._found[id(box)] = self._find_equal(box)
        return found

    def _find_equal(self, box: Any) -> Any:
        made = self._transforms
        whole = box._transform
        if box._parents or not self._has_one_parent(whole, made.CompositeGenericTransform):
            return box
        patch = whole._a
        if not self._has_one_parent(patch, made.CompositeGenericTransform):
            return box
        rectangle, scaling = patch._a, patch._b
        if type(rectangle) is not made.BboxTransformTo or type(scaling) is not made.Affine2D:
            return box
        corners, unit = rectangle._boxout, box._bbox
        if type(corners) is not made.Bbox or type(unit) is not made.Bbox:
            return box
        numbers = (corners._points.tobytes(), scaling._mtx.tobytes(), unit._points.tobytes())
        return self._clip_boxes.setdefault((id(whole._b), *numbers), box)

    @staticmethod
    def _has_one_parent(node: Any, kind: type) -> bool:
        return len(node._parents) == 1 and type(node) is kind
