"""The form of a live function's result, image, HTML or data, as its return annotation declares it. Kernel.

Classes are recognised by name, so that no library is imported.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Union, get_args, get_origin

from ..errors import InvalidInput
from ..model.live import DATA_FORM, HTML_FORM, IMAGE_FORM
from .declared_parameters import read_hints

_LIBRARIES = {
    ("plotly.basedatatypes", "BaseFigure"): HTML_FORM,
    ("altair.vegalite", "TopLevelMixin"): HTML_FORM,
    ("bokeh.model", "Model"): HTML_FORM,
    ("matplotlib", "Figure"): IMAGE_FORM,
    ("matplotlib", "Artist"): IMAGE_FORM,
    ("matplotlib", "Container"): IMAGE_FORM,
    ("matplotlib.animation", "Animation"): IMAGE_FORM,
    ("seaborn", "Grid"): IMAGE_FORM,
    ("seaborn", "Plot"): IMAGE_FORM,
    ("plotnine", "ggplot"): IMAGE_FORM,
    ("plotnine", "Compose"): IMAGE_FORM,
    ("PIL", "Image"): IMAGE_FORM,
    ("IPython.core.display", "HTML"): HTML_FORM,
    ("IPython.core.display", "SVG"): "svg",
    ("jupyter_figserve", "Response"): DATA_FORM,
    ("pandas", "DataFrame"): DATA_FORM,
    ("pandas", "Series"): DATA_FORM,
    ("pandas", "Index"): DATA_FORM,
    ("polars", "DataFrame"): DATA_FORM,
    ("polars", "Series"): DATA_FORM,
    ("pyarrow", "Table"): DATA_FORM,
    ("numpy", "ndarray"): DATA_FORM,
    ("numpy", "generic"): DATA_FORM,
}
"""Forms by the module, or a package that it is in, and the name of a class."""
_METHODS = {"_repr_png_": IMAGE_FORM, "_repr_svg_": "svg", "_repr_jpeg_": "jpg", "_repr_html_": HTML_FORM}
_SCALARS = (str, bool, int, float, date, time, timedelta, Decimal)
_CONTAINERS = (list, tuple, dict, set, frozenset, Mapping, Sequence, Set)


def find_declared_form(function: Callable[..., Any], names: Mapping[str, Any] | None = None) -> str:
    """Return the form that the return annotation of ``function`` declares, ``""`` if it declares none.

    Parameters
    ----------
    names
        Additional names for its annotations.
    """
    try:
        return _form_of(read_hints(function, names).get("return"))
    except InvalidInput:
        return ""


def _form_of(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _form_of(arguments[0])
    if origin in (Union, types.UnionType):
        forms = {_form_of(one) for one in arguments if one is not type(None)}
        return forms.pop() if len(forms) == 1 else ""
    if origin in _CONTAINERS:
        # A tuple of a figure and its axes is a figure.
        forms = {_form_of(one) for one in arguments if one not in (Any, Ellipsis, type(None))}
        return IMAGE_FORM if IMAGE_FORM in forms else DATA_FORM if forms <= {DATA_FORM} else ""
    kind = origin or annotation
    return _form_of_class(kind) if isinstance(kind, type) and kind is not type(None) else ""


def _form_of_class(kind: type) -> str:
    for one in kind.__mro__:
        for (module, name), form in _LIBRARIES.items():
            if one.__name__ == name and f"{one.__module__}.".startswith(f"{module}."):
                return form
    if kind in _CONTAINERS or issubclass(kind, _SCALARS):
        return DATA_FORM
    if hasattr(kind, "_repr_mimebundle_"):
        return ""
    shown = next((form for name, form in _METHODS.items() if hasattr(kind, name)), "")
    return shown or (DATA_FORM if dataclasses.is_dataclass(kind) else "")
