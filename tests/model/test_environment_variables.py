"""Names of environment variables."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import jupyter_figserve
from jupyter_figserve.model import environment_variables

PACKAGE = Path(jupyter_figserve.__file__).parent


def test_names_stand_in_one_place():
    """No other module writes the name of a variable of ours as a string of its own."""
    found = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path != Path(environment_variables.__file__)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and re.fullmatch(r"(KERNEL_)?FIGSERVE_[A-Z_]*[A-Z]", str(node.value))
    }
    assert found == set()


def test_variables_of_kernels_have_the_prefix():
    """A server removes what begins with it from what its own kernels inherit."""
    names = vars(environment_variables)
    kernel = {names[name] for name in names if name.startswith(("KERNEL_", "LOCAL_", "READ_ONLY_"))}
    assert all(name.startswith(environment_variables.KERNEL_PREFIX) for name in kernel)
    assert len(kernel) == 9
