"""The notebooks are the documentation: each name, magic, route, setting, command and variable is in one of them."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest
from jupyter_server.extension.application import ExtensionApp

import jupyter_figserve
from jupyter_figserve.cli import COMMANDS
from jupyter_figserve.kernel.client.local_server import Server
from jupyter_figserve.kernel.magics import _publish_parser
from jupyter_figserve.server.app import FigServe
from jupyter_figserve.server.standalone import FigServeHost

from . import reference

PACKAGE = Path(jupyter_figserve.__file__).parent
NOTEBOOKS = PACKAGE.parent / "notebooks"
CHAPTERS = sorted(NOTEBOOKS.glob("*.ipynb"))
METHODS = ("get", "post", "put", "patch", "delete")
FOR_THE_PACKAGE = {
    *("bundle", "still", "fetch", "fetch_page", "source_figure", "set_source_figure", "path"),
    *("offer", "declaration_state", "server_path", "fetch_detached", "description", "fixed", "parameters"),
}
"""Members that other modules of the package call; the reference lists them, and no story needs them."""


def read(*paths: Path) -> str:
    """Return the text of all cells."""
    cells = [cell for path in paths for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    return "\n".join("".join(cell["source"]) for cell in cells)


ALL = read(*CHAPTERS)
STORY = read(*(path for path in CHAPTERS if path != reference.CHAPTER))
"""What a reader reads from top to bottom."""


def is_in(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def public_classes() -> dict[str, type]:
    named = {name: getattr(jupyter_figserve, name) for name in jupyter_figserve.__all__}
    return {name: one for name, one in named.items() if inspect.isclass(one)} | {"Server": Server}


def test_the_reference_is_up_to_date():
    """The last chapter is what the code says now: names, first lines, defaults and helps."""
    written = reference.CHAPTER.read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(reference.make_chapter()), "run make reference"


def test_every_public_name_is_in_a_notebook():
    """Functions and classes of the package."""
    assert [name for name in jupyter_figserve.__all__ if not is_in(name, ALL)] == []


def test_every_function_is_used_in_a_story():
    """A table of the reference is no introduction: each function is called in a chapter before it."""
    functions = [name for name in jupyter_figserve.__all__ if not inspect.isclass(getattr(jupyter_figserve, name))]
    unused = [name for name in functions if not is_in(f"figserve.{name}", STORY)]
    assert unused == ["load_ipython_extension"]  # %load_ext calls it


def test_every_parameter_is_in_a_notebook():
    """Also those of functions, whose tables have their signatures."""
    named = [getattr(jupyter_figserve, name) for name in jupyter_figserve.__all__]
    functions = [one for one in named if inspect.isfunction(one) and one.__name__ != "load_ipython_extension"]
    given = {name for one in functions for name in inspect.signature(one).parameters} - {"function"}
    assert {name for name in given if not is_in(name, ALL)} == set()


@pytest.mark.parametrize("name", sorted(public_classes()))
def test_every_member_is_in_a_notebook(name):
    """Methods, properties and fields, inherited ones included."""
    members = reference.public_members(public_classes()[name])
    assert [member for member in members if not re.search(rf"\.{member}\b", ALL)] == []


@pytest.mark.parametrize("name", sorted(public_classes()))
def test_every_method_is_in_a_story(name):
    """What users call is introduced in a chapter, unless only the package calls it."""
    kind = public_classes()[name]
    members = set(reference.public_members(kind)) - FOR_THE_PACKAGE
    methods = [one for one in sorted(members) if inspect.isfunction(inspect.getattr_static(kind, one, None))]
    assert [one for one in methods if not re.search(rf"\.{one}\(", STORY)] == (["open"] if name == "Server" else [])


def test_every_magic_is_in_a_notebook():
    """Both magics, with each option."""
    options = [option for action in _publish_parser()._actions for option in action.option_strings if option != "-h"]
    assert [word for word in ("%%publish", "%figserve status", *options) if word not in ALL] == []


def test_every_command_is_in_a_notebook():
    """By the words that a user types."""
    assert [name for name in COMMANDS if f"`jupyter figserve {name}`" not in ALL] == []


def test_every_route_is_in_a_notebook():
    """Each method of each path of the API's description."""
    paths = reference.read_paths()
    routes = [f"`{method.upper()} {path}`" for path, found in paths.items() for method in METHODS if method in found]
    assert len(routes) > 80
    assert [route for route in routes if route not in ALL] == []


def test_every_setting_is_in_a_notebook():
    """Those of every server, and those of ``jupyter figserve serve``."""
    settings = set(FigServe.class_traits(config=True)) - set(ExtensionApp.class_traits(config=True))
    assert len(settings) > 80
    assert {name for name in settings if f"`{name}`" not in ALL} == set()
    assert {name for name in FigServeHost.class_own_traits(config=True) if f"FigServeHost.{name}" not in ALL} == set()


def test_every_environment_variable_is_in_a_notebook():
    """Each name that the code reads or sets."""
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    names = set(re.findall(r"\"((?:KERNEL_)?FIGSERVE_\w*[A-Z])\"", code))
    assert {"FIGSERVE_URL", "KERNEL_FIGSERVE_KEY"} <= names
    assert {name for name in names if not is_in(name, ALL)} == set()
    assert set(reference.VARIABLES) == names


DOCUMENTS = sorted(
    (*PACKAGE.parent.glob("*.md"), *NOTEBOOKS.glob("*.ipynb"), *(PACKAGE.parent / "deploy").rglob("*.md"))
)


@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.name for path in DOCUMENTS])
def test_what_documents_name_exists(path):
    """Settings, commands and functions: a name that was changed or mistyped helps nobody."""
    text = read(path) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
    settings = set(re.findall(r"\bFigServe\.(\w+)", text))
    assert settings - set(FigServe.class_traits()) - {"NAME", "render_NAME", "x"} == set()
    commands = {name.split()[0] for name in COMMANDS}
    named = set(re.findall(r"`jupyter figserve ([a-z]\w*)", text))
    assert named - commands == set()
    functions = set(re.findall(r"(?<![./\w])figserve\.(\w+)\(", text))
    assert functions - set(jupyter_figserve.__all__) == set()


def test_figures_of_the_security_page_are_the_defaults():
    """A limit in parentheses after a setting is its default value."""
    text = (PACKAGE.parent / "SECURITY.md").read_text(encoding="utf-8")
    units = {"": 1, "ms": 0.001, "s": 1, "MB": 2**20, "KB": 2**10}
    found = re.findall(r"`FigServe\.(\w+)`\s+\(([\d,.]+)(?:\s(ms|s|MB|KB)\b)?", text)
    said = {name: float(number.replace(",", "")) * units[unit] for name, number, unit in found}
    assert len(said) >= 6
    traits = FigServe.class_traits(config=True)
    assert said == {name: pytest.approx(float(traits[name].default_value)) for name in said}
