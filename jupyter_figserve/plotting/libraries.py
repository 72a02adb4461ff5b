"""The plotting libraries that are loaded: objects of their classes, and their versions. Kernel and jailed child."""

from __future__ import annotations

import sys

PLOTLY = ("plotly.basedatatypes", "BaseFigure")
ALTAIR = ("altair", "TopLevelMixin")
BOKEH = ("bokeh.models", "Model")
"""Module and class of the figures of interactive libraries, for ``is_instance``."""
PILLOW = ("PIL.Image", "Image")
_VERSIONED = ("matplotlib", "numpy", "pandas", "seaborn", "plotnine", "plotly", "altair", "bokeh", "PIL")


def is_instance(obj: object, module: str, name: str) -> bool:
    """Whether an object is of a class, without importing it: if it is not imported, no object can be."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(obj, getattr(loaded, name, ()))


def loaded_versions() -> dict[str, str]:
    """Return the versions of Python (major and minor) and of the plotting libraries that are loaded."""
    loaded = {name: getattr(sys.modules.get(name), "__version__", None) for name in _VERSIONED}
    versions = {name: version for name, version in loaded.items() if isinstance(version, str)}
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}", **versions}
