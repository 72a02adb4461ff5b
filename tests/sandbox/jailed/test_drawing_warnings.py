"""Renders report warnings for the reader of the image."""

from __future__ import annotations

import pytest

from ..harness import LINE, Sandbox

PLT = "import matplotlib.pyplot as plt\n"


@pytest.mark.parametrize("before", ["", "import warnings\nwarnings.simplefilter('ignore')\n"])
@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_missing_glyphs_are_named(full_sandbox: Sandbox, before: str, format: str):
    """Each once, with what to do, also where the code has switched warnings off."""
    code = before + PLT + "plt.title('\\uf123 \\uf124\\uf123')\n"
    (warning,) = full_sandbox.render(code, format=format).warnings
    assert "U+F123, U+F124;" in warning
    assert "fonts-noto-cjk" in warning


def test_missing_glyphs_of_mathtext(full_sandbox: Sandbox):
    """Its fonts have fewer characters."""
    (warning,) = full_sandbox.render(PLT + "plt.title('$\\uf123$')\n").warnings
    assert "U+F123" in warning


def test_warnings_of_drawing(full_sandbox: Sandbox):
    """Those of matplotlib and of the code, once; an ordinary figure has none, and no path of ours is printed."""
    code = PLT + "fig, ax = plt.subplots(layout='constrained', figsize=(.3, .3))\nax.plot([1])\n"
    result = full_sandbox.render(code + "import warnings\nwarnings.warn('by hand')\n")
    assert [warning[:30] for warning in result.warnings] == ["by hand", "constrained_layout not applied"]
    assert "jupyter_figserve" not in result.output
    assert full_sandbox.render(LINE).warnings == ()
