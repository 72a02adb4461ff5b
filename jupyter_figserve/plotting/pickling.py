"""A matplotlib figure → its pickle, in about half of the time that ``pickle.dumps`` takes. Kernel.

What makes a figure's pickle slow is its transforms: each artist has a clip box of its own, made of five transforms with
nine small arrays, though all artists of one Axes are clipped to the same. Here equal clip boxes are written once, small
arrays as numbers, registries of callbacks as new ones, and what transforms keep to be faster is left out. The result is
an ordinary pickle, and draws the same pixels in any size.
"""

from __future__ import annotations

import copyreg
import functools
import io
import pickle
from typing import Any

from ..errors import OutputInvalid
from .describe import one_line

_SMALL = 16
"""Numbers in an array, up to which they are written faster one by one."""


def pickle_figure(figure: Any) -> bytes:
    """The figure as a source that the sandbox can draw again.

    Raises
    ------
    OutputInvalid
        When something in it cannot be pickled.
    """
    try:
        return _pickle_shortly(figure)
    except Exception:
        # Perhaps transforms are made in another way in this matplotlib than in those that are known.
        try:
            return pickle.dumps(figure, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            reason = one_line(f"{type(error).__name__}: {error}", 500)
            raise OutputInvalid(f"The figure cannot be kept for redrawing: {reason}", code="not_redrawable") from error


def _pickle_shortly(figure: Any) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = {**copyreg.dispatch_table, **_arrays(), **_registries(), **_Transforms().table()}
    pickler.dump(figure)
    return buffer.getvalue()


@functools.lru_cache(maxsize=1)
def _arrays() -> dict[type, Any]:
    import numpy as np

    double = np.dtype(float)

    def reduce_array(array: Any) -> Any:
        if array.dtype is double and array.ndim and 0 < array.size <= _SMALL:
            return np.array, (array.tolist(),)
        return array.__reduce_ex__(pickle.HIGHEST_PROTOCOL)

    return {np.ndarray: reduce_array}


def _registries() -> dict[type, Any]:
    """Each artist has a registry of callbacks, of which a pickle keeps none but those that matplotlib has marked."""
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


class _Transforms:
    """How the transforms of one figure are written.

    An artist's clip box is (as ``Artist.set_clip_path`` makes it) a unit ``Bbox`` transformed by the rectangle of its
    Axes' patch: ``TransformedBbox(Bbox, (BboxTransformTo(Bbox) + Affine2D) + transAxes)``.
    """

    def __init__(self) -> None:
        from matplotlib import transforms

        self._transforms: Any = transforms
        self._clip_boxes: dict[tuple[Any, ...], Any] = {}
        self._found: dict[int, Any] = {}

    def table(self) -> dict[type, Any]:
        """Reducers by exact class; a subclass is written as it wants."""
        made = self._transforms
        plain = (made.Affine2D, made.Bbox, made.BboxTransformTo, made.CompositeGenericTransform, made.IdentityTransform)
        return {**dict.fromkeys(plain, self._reduce), made.TransformedBbox: self._reduce_box}

    def _reduce(self, node: Any) -> Any:
        """As ``TransformNode.__getstate__`` does, but for parents that nobody else has and for cached inverses."""
        state = dict(node.__dict__)
        parents = ((key, reference()) for key, reference in state["_parents"].items())
        state["_parents"] = {key: parent for key, parent in parents if parent is not None and self._is_kept(parent)}
        if "_inverted" in state:
            state["_inverted"] = None
        return copyreg.__newobj__, (type(node),), state  # type: ignore[attr-defined]  # not in its type stub

    def _reduce_box(self, box: Any) -> Any:
        first = self._first_like(box)
        # max((x,)) is x: the shortest way to say "that one again" in a pickle that needs nothing of ours to open.
        return self._reduce(box) if first is box else (max, ((first,),))

    def _is_kept(self, parent: Any) -> bool:
        """Whether a parent is more than the transform of a clip box that is not written."""
        made = self._transforms
        if type(parent) is not made.CompositeGenericTransform or len(parent._parents) != 1:
            return True
        (reference,) = parent._parents.values()
        box = reference()
        return type(box) is not made.TransformedBbox or self._first_like(box) is box

    def _first_like(self, box: Any) -> Any:
        """The first clip box met that is made in the same way of the same Axes; ``box`` itself when it is none."""
        found = self._found.get(id(box))
        if found is None:
            found = self._found[id(box)] = self._search_like(box)
        return found

    def _search_like(self, box: Any) -> Any:
        made = self._transforms
        whole = box._transform
        if box._parents or not self._is_alone(whole, made.CompositeGenericTransform):
            return box
        patch = whole._a
        if not self._is_alone(patch, made.CompositeGenericTransform):
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
    def _is_alone(node: Any, kind: type) -> bool:
        return len(node._parents) == 1 and type(node) is kind
