"""Pickling of matplotlib figures with their drawing state. Kernel and jailed child.

The state follows the figure as a second pickle, which ``pickle.loads`` ignores.
"""

from __future__ import annotations

import contextlib
import copyreg
import io
import pickle
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..errors import NoFigure, OutputInvalid
from .bounded_buffer import LimitExceeded
from .by_value import INSTALL, dump_by_value, find_cloudpickle, needs_notebook
from .canvas import own_dpi
from .drawing_state import DrawingState
from .pickle_reducers import make_reducers
from .readable_text import error_line
from .resolve import ResolvedFigure, find_figure

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
    return replace(found, tight=found.tight or state.tight, rc={**found.rc, **published}, engine=state.engine)


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
    return OutputInvalid(f"It cannot be pickled: {error_line(error)}", code="not_redrawable")


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
        reason = (
            "functions or classes of the notebook" if failure is None else f"something unusual ({error_line(failure)})"
        )
        raise OutputInvalid(
            f"It uses {reason}. Install cloudpickle in the kernel's environment ({INSTALL}), restart the kernel and"
            " publish it again.",
            code="not_redrawable",
        ) from failure
    try:
        return dump_by_value(figure, _MAX_BYTES, make_reducers())
    except LimitExceeded:
        raise OutputInvalid(f"Its source has more than {_MAX_BYTES:,} bytes.", code="not_redrawable") from None
    except Exception as error:
        raise _not_redrawable(error) from error


def _pickle_compactly(figure: Any) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = {**copyreg.dispatch_table, **make_reducers()}
    pickler.dump(figure)
    return buffer.getvalue()
