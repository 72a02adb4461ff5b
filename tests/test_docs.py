"""The API reference: public docstrings are complete, and pages are built from them without warnings."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import jupyter_figserve
from jupyter_figserve import errors

from .reference import public_members
from .test_reference import FOR_THE_PACKAGE, public_classes

CHECKOUT = Path(__file__).resolve().parent.parent
MADE_BY_THE_PACKAGE = ("CapturedPlot", "LiveFigure", "NotConnected", "Published", "Server", "SharedLink")
"""Nobody constructs them, so that their parameters are no concern of a reader."""
ALWAYS = {"GL08", "PR02", "PR07", "RT03", "RT05", "SS02", "SS06"}
"""No docstring; a parameter that does not exist, or without a text; a result without a text; and so on."""
COMPLETE = ALWAYS | {"PR01", "RT01"}
"""Also a parameter or a result that is missing."""


def documented() -> dict[str, Any]:
    """Return what the API reference shows, by the name to import it by."""
    found = {f"jupyter_figserve.{name}": getattr(jupyter_figserve, name) for name in jupyter_figserve.__all__}
    found["jupyter_figserve.kernel.client.local_server.Server"] = public_classes()["Server"]
    for name, kind in list(found.items()):
        members = public_members(kind) if inspect.isclass(kind) else []
        values = {f"{name}.{member}": inspect.getattr_static(kind, member, None) for member in members}
        found |= {path: one for path, one in values.items() if callable(one) or isinstance(one, property)}
    return found | {"jupyter_figserve.hub.configure": None}


def faults_of(path: str) -> list[str]:
    """Return what is wrong with the docstring."""
    name = path.rpartition(".")[2]
    codes = ALWAYS if name in (*FOR_THE_PACKAGE, *MADE_BY_THE_PACKAGE, "open") else COMPLETE
    report = validate(path)
    # Without more to say, the summary is the description of the result.
    says_result = re.search(r"\breturn |^List ", report["docstring"].partition("\n\n")[0], re.IGNORECASE)
    return [text for code, text in report["errors"] if code in codes and not (code == "RT01" and says_result)]


@pytest.mark.parametrize("path", documented())
def test_the_docstring_is_complete(path):
    """It has a summary, each parameter, the result, and errors that exist."""
    assert faults_of(path) == []
    text = inspect.getdoc(documented()[path]) or ""
    raised = [name for entry in NumpyDocString(text)["Raises"] for name in entry.type.split(", ")]
    assert [name for name in raised if not hasattr(errors, name)] == []


def test_a_missing_parameter_is_found(monkeypatch):
    """The check sees what it is for."""
    path = "jupyter_figserve.get"
    function = jupyter_figserve.get
    monkeypatch.setattr(function, "__doc__", function.__doc__.replace("    name\n", "    names\n"))
    assert any("name" in fault for fault in faults_of(path))


def test_the_api_page_has_every_name():
    """Each public name has its entry in the API reference."""
    page = (CHECKOUT / "notebooks" / "site" / "api.rst").read_text(encoding="utf-8")
    shown = set(re.findall(r"\.\. auto(?:function|class):: (\w+)", page))
    assert set(jupyter_figserve.__all__) - shown == set()


@pytest.mark.nightly
def test_the_pages_are_built_without_warnings(tmp_path):
    """Docstrings and notebooks are correct markup, and every reference leads somewhere."""
    pages = CHECKOUT / "notebooks"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", str(pages / "site"), str(pages)]
    # Sphinx's own directories of caches stay out of the checkout.
    done = subprocess.run([*command, "-d", str(tmp_path / "trees"), str(tmp_path / "html")],
                          capture_output=True, text=True, env=os.environ | {"PYTHONWARNINGS": ""})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "jupyter_figserve.publish" in (tmp_path / "html" / "site" / "api.html").read_text(encoding="utf-8")
