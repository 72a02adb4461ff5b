"""Libraries that the zygote imports once for all its children. Zygote."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from . import animations, drawing_warnings, fallback_fonts, pyplot_hooks, substitutes, warm_up

# What nearly every figure needs, and what the encoder imports on use: some of it cannot be read inside the jail.
_MODULES = """
matplotlib.pyplot matplotlib.backends.backend_agg matplotlib.backends.backend_svg matplotlib.backends.backend_pdf
matplotlib.backends.backend_ps matplotlib.mathtext matplotlib.dates matplotlib.animation matplotlib.gridspec
matplotlib.ticker matplotlib.patches matplotlib.colors matplotlib.cm matplotlib.tri matplotlib.widgets
mpl_toolkits.mplot3d mpl_toolkits.axes_grid1 numpy numpy.random numpy.linalg numpy.fft numpy.ma numpy.polynomial
PIL.Image PIL.ImageOps PIL.PngImagePlugin PIL.JpegImagePlugin PIL.WebPImagePlugin zlib_ng.zlib_ng
encodings.idna encodings.utf_8_sig encodings.latin_1 ast csv datetime decimal itertools json linecache math pathlib
statistics string textwrap threading traceback urllib.parse zipfile zoneinfo
jupyter_figserve.plotting.describe jupyter_figserve.plotting.encode jupyter_figserve.plotting.images
jupyter_figserve.plotting.png jupyter_figserve.plotting.resolve jupyter_figserve.plotting.restyle
jupyter_figserve.plotting.mimebundles jupyter_figserve.plotting.pickling jupyter_figserve.plotting.detached
jupyter_figserve.plotting.drawing_state jupyter_figserve.plotting.font_files jupyter_figserve.plotting.shared_objects
jupyter_figserve.model.progress
cloudpickle.cloudpickle
""".split()
_OPTIONAL = frozenset({"zlib_ng.zlib_ng", "PIL.WebPImagePlugin", "cloudpickle.cloudpickle"})
"""Without them, encoding is slower or a format is missing."""


def load_libraries(preload: Sequence[str], max_pixels: int) -> None:
    """Import the libraries that children draw with, install the hooks, and draw throw-away figures."""
    import matplotlib

    matplotlib.use("agg")
    for name in (*_MODULES, *preload):
        try:
            import_module(name)
        except ImportError:
            if name not in _OPTIONAL and name not in preload:
                raise
    from matplotlib import font_manager

    from ...plotting import images

    images.MAX_PIXELS = max_pixels
    for style in ("normal", "italic"):
        font_manager.findfont(font_manager.FontProperties(style=style))
    pyplot_hooks.install()
    substitutes.install()
    animations.install()
    drawing_warnings.install()
    fallback_fonts.install()
    warm_up.warm_zygote()


def find_libraries() -> None:
    """Check that the main libraries are installed, without importing them, which takes most of a start.

    Raises
    ------
    ImportError
        The same as importing them would raise.
    """
    for name in ("numpy", "matplotlib"):
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
