"""Libraries: objects of classes that need not be imported, and the versions of what is loaded."""

from __future__ import annotations

import sys

import matplotlib as mpl
import numpy as np

from jupyter_figserve.plotting.libraries import is_instance, loaded_versions


def test_instances():
    """Of a class or one derived from it; of a library or class that is not there, nothing is."""
    masked = np.ma.masked_array([1])
    assert is_instance(masked, "numpy", "ndarray")
    assert not is_instance([1], "numpy", "ndarray")
    assert not is_instance(masked, "numpy", "nothing")
    assert not is_instance(masked, "nothing", "ndarray")


def test_loaded_versions():
    """Python's major and minor version, and each loaded library with its version; what is not loaded is left out."""
    found = loaded_versions()
    assert found["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert (found["matplotlib"], found["numpy"]) == (mpl.__version__, np.__version__)
    assert all(name in sys.modules for name in found if name != "python")
