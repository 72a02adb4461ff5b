"""Pickling of matplotlib figures with their drawing state, in half the time of ``pickle.dumps``. Kernel, jailed child.

The transforms make a figure's pickle slow: each artist has its own clip box, made of five transforms with nine small
arrays, although all artists of an Axes share the same clip. Here equal clip boxes are written once, small arrays as
numbers, callback registries as new ones, and the caches of transforms are left out. The result is an ordinary pickle,
and draws the same pixels at any size. The state follows it as a second pickle, which ``pickle.loads`` ignores.
"""

from __future__ import annotations

import contextlib
import copyreg
import functools
import io
import pickle
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..errors import NoFigure, OutputInvalid
from .bounded_buffer import LimitExceeded
from .by_value import INSTALL, dump_by_value, find_cloudpickle, needs_notebook
from .canvas import own_dpi
from .drawing_state import DrawingState
from .readable_text import one_line
from .resolve import ResolvedFigure, find_figure

_MAX_INLINE_SIZE = 16
"""Arrays up to this size are written faster as numbers."""
_MAX_BYTES = 64 * 2**20
# The end of a source: the size of the state's pickle, and a mark.
_TRAILER = struct.Struct("<Q8s")
_MARK = b"figstate"


def pickle_figure(figure: Any, state: DrawingState | None = None) -> bytes:
    """Pickle a figure, with the state that it was drawn in, as a source that the sandbox can redraw.

    Raises
    ------
    OutputInvalid
        A part of the figure or of its state cannot be pickled.
    """
    with _own_scale(figure):
        data = _pickle(figure)
    if state is None:
        return data
    return b"".join((data, pickled := _pickle_state(state), _TRAILER.pack(len(pickled), _MARK)))


@contextlib.contextmanager
def _own_scale(figure: Any) -> Iterator[None]:
    """Give the figure the scale of its own dpi, as pickles of matplotlib before 3.11 keep that of a HiDPI screen."""
    dpi = own_dpi(figure)
    if dpi == figure.dpi:
        yield
        return
    figure.dpi_scale_trans.clear().scale(dpi)
    try:
        yield
    finally:
        figure.dpi_scale_trans.clear().scale(figure.dpi)


def unpickle_state(source: bytes) -> DrawingState:
    """Return the drawing state of a source, that of matplotlib's defaults if it has none.

    Like ``unpickle_figure``, only for the jail and for sources that this process has pickled itself.
    """
    if len(source) < _TRAILER.size:
        return DrawingState()
    size, mark = _TRAILER.unpack_from(source, len(source) - _TRAILER.size)
    end = len(source) - _TRAILER.size
    if mark != _MARK or size > end:
        return DrawingState()
    state = pickle.loads(zlib.decompress(memoryview(source)[end - size : end]))  # noqa: S301  as below
    return state if isinstance(state, DrawingState) else DrawingState()


def unpickle_figure(source: bytes, state: DrawingState) -> ResolvedFigure:
    """Return the figure of a source, in its drawing state, which the caller has established.

    Raises
    ------
    NoFigure
        It is another object.
    """
    value = pickle.loads(source)  # noqa: S301  only in the jail, or pickled by this process
    found = find_figure(value) if value is not None else None
    if found is None:
        raise NoFigure(f"The source is not a figure but an object of type {type(value).__name__!r:.100}.")
    published = {} if state.dpi is None else {"savefig.dpi": state.dpi}
    return replace(found, tight=found.tight or state.tight, rc={**found.rc, **published})


def _pickle_state(state: DrawingState) -> bytes:
    """Pickle a state; classes of the notebook, such as hatches, need cloudpickle."""
    try:
        from cloudpickle import dumps
    except ImportError:
        dumps = pickle.dumps
    try:
        data = (dumps if state.shared.get("hatches") else pickle.dumps)(state, pickle.HIGHEST_PROTOCOL)
        return zlib.compress(data, 1)
    except Exception as error:
        raise _not_redrawable(error) from error


def _not_redrawable(error: Exception) -> OutputInvalid:
    return OutputInvalid(f"It cannot be pickled: {_line(error)}", code="not_redrawable")


def _line(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}", 300)


def _pickle(figure: Any) -> bytes:
    """Pickle a figure; by value where it uses code of the notebook, which the sandbox does not have."""
    data, failure = None, None
    try:
        data = _pickle_compactly(figure)
    except Exception:
        # This version of matplotlib may construct transforms in an unknown way.
        try:
            data = pickle.dumps(figure, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            failure = error
    if data is not None and not needs_notebook(data):
        return data
    if find_cloudpickle() is None:
        reason = "functions or classes of the notebook" if failure is None else f"something unusual ({_line(failure)})"
        raise OutputInvalid(
            f"It uses {reason}. Install cloudpickle in the kernel's environment ({INSTALL}), restart the kernel and"
            " publish it again.",
            code="not_redrawable",
        ) from failure
    try:
        return dump_by_value(figure, _MAX_BYTES, _reducers())
    except LimitExceeded:
        raise OutputInvalid(f"Its source has more than {_MAX_BYTES:,} bytes.", code="not_redrawable") from None
    except Exception as error:
        raise _not_redrawable(error) from error


def _pickle_compactly(figure: Any) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = {**copyreg.dispatch_table, **_reducers()}
    pickler.dump(figure)
    return buffer.getvalue()


def _reducers() -> dict[type, Any]:
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
