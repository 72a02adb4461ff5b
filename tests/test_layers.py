"""The layer table of the design: which part of the package may know which other, and which libraries."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import jupyter_figserve

from .imports import PACKAGE, Import, find_cycles, find_modules, read_imports

MODULES = find_modules(Path(jupyter_figserve.__file__).parent)
IMPORTS = read_imports(MODULES)
SANDBOX_CHILD = frozenset(
    "jail job landlock limits namespaces patches posted readable seccomp selecting syscalls zygote".split()
)
SANDBOX_WIRE = frozenset({"wire"})
MARKDOWN = frozenset({"markdown"})
ENCODE = frozenset("describe detached drawing encode pickling pictures png printing resolve restyle rich scope".split())


@dataclass(frozen=True)
class Layer:
    """What a layer may import.

    Parameters
    ----------
    ours
        Other layers of the package, anywhere in a module.
    libraries
        Installed packages, anywhere in a module.
    inside
        Installed packages, inside functions only; ``{"*"}`` for any.
    ours_inside
        Other layers, inside functions only.
    """

    ours: frozenset[str] = field(default_factory=frozenset)
    libraries: frozenset[str] = field(default_factory=frozenset)
    inside: frozenset[str] = field(default_factory=frozenset)
    ours_inside: frozenset[str] = field(default_factory=frozenset)


def layer(ours: str = "", libraries: str = "", inside: str = "", ours_inside: str = "") -> Layer:
    return Layer(*(frozenset(words.split()) for words in (ours, libraries, inside, ours_inside)))


LAYERS = {
    # Lazy: the names of the notebook's interface, and the extension's class when a server asks.
    "init": layer(ours_inside="root kernel server"),
    "root": layer(),
    "encode": layer("root", inside="PIL bokeh isal matplotlib numpy zlib_ng"),
    "markdown": layer(inside="markdown_it"),
    "sandbox_wire": layer("root"),
    "sandbox_child": layer("root encode sandbox_wire", inside="matplotlib numpy"),
    "sandbox": layer("root sandbox_wire"),
    "kernel": layer(
        "root markdown",
        inside="IPython anywidget cloudpickle ipykernel ipywidgets jinja2 jupyter_core tornado traitlets",
        ours_inside="encode",
    ),
    "store": layer("root", libraries="sqlalchemy alembic", inside="obstore psycopg"),
    "server": layer(
        "root markdown store sandbox",
        libraries="itsdangerous jinja2 jupyter_client jupyter_core jupyter_server limits tornado traitlets",
    ),
    "cli": layer("root", inside="*", ours_inside="init encode kernel sandbox store server demo"),
    "demo": layer("root", inside="*", ours_inside="init"),
}


def layer_of(module: str) -> str:
    parts = module.split(".")[1:]
    if not parts:
        return "init"
    if parts[0] in ENCODE:
        return "encode"
    if parts[0] in MARKDOWN:
        return "markdown"
    if parts[0] == "sandbox":
        if parts[-1] in SANDBOX_CHILD:
            return "sandbox_child"
        return "sandbox_wire" if parts[-1] in SANDBOX_WIRE else "sandbox"
    return parts[0] if parts[0] in LAYERS else "root"


def is_allowed(found: Import) -> bool:
    own = layer_of(found.importer)
    allowed = LAYERS[own]
    if found.is_ours:
        target = layer_of(found.target)
        return target in ({own} | allowed.ours) or (target in allowed.ours_inside and not found.at_import)
    library = found.target.split(".")[0]
    if library in sys.stdlib_module_names or library in allowed.libraries:
        return True
    return not found.at_import and bool({"*", library} & allowed.inside)


def test_every_import_keeps_to_the_layer_table():
    """No module knows more of the package, or of what is installed, than its layer's row says."""
    assert not [str(found) for found in IMPORTS if not is_allowed(found)]


def test_no_module_is_in_an_import_cycle():
    """What a module loads when it is imported never leads back to it."""
    edges = {(i.importer, i.target) for i in IMPORTS if i.is_ours and i.at_import and i.importer != i.target}
    assert find_cycles(edges) == []


def test_root_modules_import_each_other_downward():
    """Among the root modules there is no cycle even of imports inside functions."""
    edges = {
        (i.importer, i.target) for i in IMPORTS if i.is_ours and {layer_of(i.importer), layer_of(i.target)} == {"root"}
    }
    assert find_cycles(edges) == []


def test_the_reader_found_the_package():
    """The table is held against real modules: an empty list would hold anything."""
    assert {layer_of(name) for name in MODULES} >= {"init", "root", "kernel", "store", "server", "cli", "demo"}
    assert len(IMPORTS) > 100


@pytest.mark.parametrize(
    ("importer", "target", "at_import", "allowed"),
    [
        ("figure", "numpy", False, False),
        ("figure", f"{PACKAGE}.errors", True, True),
        ("encode", "matplotlib.figure", True, False),
        ("encode", "matplotlib.figure", False, True),
        ("kernel.publish", f"{PACKAGE}.server.app", False, False),
        ("kernel.publish", "tornado", True, False),
        ("store.store", "tornado.ioloop", False, False),
        ("server.app", f"{PACKAGE}.kernel.client", False, False),
        ("server.app", f"{PACKAGE}.encode", False, False),
        ("server.app", "matplotlib", False, False),
        ("cli", f"{PACKAGE}.store.maintenance", True, False),
        ("cli", f"{PACKAGE}.store.maintenance", False, True),
    ],
)
def test_the_table_says_no(importer, target, at_import, allowed):
    """The rule itself, on imports that must and must not be."""
    assert is_allowed(Import(f"{PACKAGE}.{importer}", target, at_import, 1)) is allowed


def test_cycles_are_found():
    """Nodes that lead into a cycle or out of it are not on it."""
    assert find_cycles({("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")}) == ["b", "c"]
    assert find_cycles({("a", "b"), ("b", "c"), ("a", "c")}) == []
