"""Which libraries the sandbox imports ahead of the jobs, learned from the jobs. Server process.

Importing pandas, seaborn or Altair takes seconds, and each job is a process of its own. The first job that imports one
pays for it; then a zygote that has imported it takes over. Only the libraries of a fixed table are learned, so that
posted code cannot choose what is loaded outside its jail, nor fill the memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "IPython": ("IPython.display",),
    "altair": ("altair",),
    "bokeh": ("bokeh.plotting",),
    "geopandas": ("geopandas",),
    "networkx": ("networkx",),
    "pandas": ("pandas", "pandas.plotting._matplotlib"),
    "plotly": ("plotly.graph_objects", "plotly.express"),
    "plotnine": ("plotnine",),
    "scipy": ("scipy.stats", "scipy.signal", "scipy.optimize", "scipy.interpolate"),
    "seaborn": ("seaborn", "seaborn.objects", "pandas.plotting._matplotlib"),
    "sklearn": ("sklearn.linear_model", "sklearn.datasets"),
    "statsmodels": ("statsmodels.api",),
    "xarray": ("xarray", "xarray.plot"),
}
"""The modules to import for each library."""
_NAMES = "|".join(LIBRARIES)
_LINE = re.compile(rb"^[ \t>.]*(?:import|from)[ \t]+(.*)$", re.MULTILINE)
_MENTION = re.compile(rf"\b({_NAMES})\b".encode())


class LearnedPreload:
    """The libraries that jobs have imported, those that are loaded, and those that cannot be."""

    def __init__(self) -> None:
        self.loaded: tuple[str, ...] = ()
        self._refused: set[str] = set()

    def find_new(self, kind: str, source: bytes) -> tuple[str, ...]:
        """Return the libraries of a job that are not loaded yet; a pickled function mentions its modules."""
        if kind not in ("code", "function"):
            return ()
        texts = _LINE.findall(source) if kind == "code" else [source]
        names = dict.fromkeys(match.decode() for text in texts for match in _MENTION.findall(text))
        return tuple(name for name in names if name not in self.loaded and name not in self._refused)

    def modules_with(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the modules to import for the loaded libraries and for these."""
        return tuple(dict.fromkeys(module for name in (*self.loaded, *names) for module in LIBRARIES[name]))

    def add(self, names: Iterable[str]) -> None:
        """Record that these libraries are loaded."""
        self.loaded = tuple(dict.fromkeys([*self.loaded, *names]))

    def refuse(self, name: str) -> None:
        """Exclude this library from now on: it starts threads, or takes too much memory."""
        self._refused.add(name)
