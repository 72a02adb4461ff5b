"""The design's layer table: which packages and libraries each package may import."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import jupyter_figserve

from .imports import PACKAGE, Import, find_cycles, find_modules, read_imports

MODULES = find_modules(Path(jupyter_figserve.__file__).parent)
MAX_LINES = 300
MAX_FUNCTION_LINES = 40


@functools.cache
def imports() -> list[Import]:
    return read_imports(MODULES)


@dataclass(frozen=True)
class Layer:
    """What a layer may import besides the standard library, ``errors`` and itself.

    Parameters
    ----------
    ours
        Prefixes of our modules, anywhere in a module.
    libraries
        Installed packages, anywhere in a module.
    inside
        Installed packages, inside functions only; ``{"*"}`` for any.
    ours_inside
        Prefixes of our modules, inside functions only.
    """

    ours: frozenset[str] = field(default_factory=frozenset)
    libraries: frozenset[str] = field(default_factory=frozenset)
    inside: frozenset[str] = field(default_factory=frozenset)
    ours_inside: frozenset[str] = field(default_factory=frozenset)


def layer(ours: str = "", libraries: str = "", inside: str = "", ours_inside: str = "") -> Layer:
    return Layer(*(frozenset(words.split()) for words in (ours, libraries, inside, ours_inside)))


_SERVICES = "model store sandbox.renderer sandbox.host"
_SERVICE_LIBRARIES = (
    "cachetools filelock itsdangerous jupyter_client jupyter_core jupyter_server limits prometheus_client tornado"
)
LAYERS = {
    # Lazy: the names of the notebook's interface, and the extension's class when a server asks.
    "": layer(ours_inside="kernel model server"),
    "errors": layer(),
    "model": layer(),
    "model.markdown": layer(inside="markdown_it"),
    "plotting": layer("model", inside="PIL bokeh cloudpickle fontTools matplotlib numpy zlib_ng"),
    "kernel": layer(
        "model plotting",
        inside="IPython anywidget cloudpickle ipykernel ipywidgets jinja2 jupyter_core tornado traitlets",
    ),
    "sandbox": layer(),
    "sandbox.renderer": layer("model"),
    "sandbox.wire": layer("model"),
    "sandbox.fake": layer("model sandbox.renderer"),
    "sandbox.doctor": layer("model sandbox.host sandbox.renderer sandbox.wire"),
    "sandbox.host": layer("model sandbox.renderer sandbox.wire"),
    "sandbox.remote": layer("model sandbox.host sandbox.renderer sandbox.wire", inside="distributed tornado"),
    "sandbox.jail": layer(),
    "sandbox.jailed": layer("model plotting sandbox.jail sandbox.renderer sandbox.wire", inside="matplotlib numpy"),
    "store": layer("model", libraries="alembic cachetools filelock sqlalchemy", inside="obstore psycopg"),
    "assistant": layer("model", inside="jsonschema mcp"),
    "server.services": layer(_SERVICES, libraries=_SERVICE_LIBRARIES, inside="idna segno"),
    "server.web": layer(
        "assistant model server.services server.web",
        libraries="cachetools jinja2 jupyter_client jupyter_core jupyter_server tornado",
        inside="mcp",
    ),
    # The one module of web/ that names what the handlers reach.
    "server.web.context": layer(
        "model server.services sandbox.renderer store.files.blob_cache store.store", libraries="jinja2"
    ),
    "server": layer(
        f"{_SERVICES} sandbox.remote server.services server.web server.hub",
        libraries=f"{_SERVICE_LIBRARIES} jinja2 jupyter_server traitlets",
    ),
    "hub": layer("model.environment_variables", inside="jupyterhub traitlets"),
    "server.hub": layer(
        f"{_SERVICES} server.services hub", libraries="tornado traitlets", inside="cryptography jupyterhub"
    ),
    "cli": layer(
        "model.environment_variables",
        inside="*",
        ours_inside="assistant demo hub kernel model plotting sandbox server store",
    ),
    "demo": layer("model.environment_variables", inside="*", ours_inside="kernel model server"),
}
"""By prefix of the module's name below the package; the longest prefix that fits is the module's layer."""


def below_package(module: str) -> str:
    return module.removeprefix(PACKAGE).removeprefix(".")


def is_within(module: str, prefix: str) -> bool:
    return module == prefix or (prefix != "" and module.startswith(prefix + "."))


def layer_of(module: str) -> str:
    """Return the layer of one of our modules."""
    return max((name for name in LAYERS if is_within(below_package(module), name)), key=len)


def is_allowed(found: Import) -> bool:
    own = layer_of(found.importer)
    allowed = LAYERS[own]
    if found.is_ours:
        target = below_package(found.target)
        # The package's version is a value without a module.
        if target in ("", "__version__", "errors") or layer_of(found.target) == own:
            return True
        prefixes = allowed.ours if found.at_import else allowed.ours | allowed.ours_inside
        return any(is_within(target, prefix) for prefix in prefixes)
    library = found.target.split(".")[0]
    if library in sys.stdlib_module_names or library in allowed.libraries:
        return True
    return not found.at_import and bool({"*", library} & allowed.inside)


def test_every_import_keeps_to_the_layer_table():
    """Each module imports only what its layer's row allows."""
    assert not [str(found) for found in imports() if not is_allowed(found)]


def test_no_module_is_in_a_cycle():
    """No chain of imports leads back to its start, including imports for type checkers and inside functions."""
    edges = {(i.importer, i.target) for i in imports() if i.is_ours and i.importer != i.target}
    # Importing a module imports its parent packages, but ours are empty: `__init__` resolves names lazily.
    assert find_cycles({edge for edge in edges if PACKAGE not in edge}) == []


def test_no_folder_is_in_a_cycle():
    """The same for the folders at each level."""
    for depth in (1, 2, 3):
        edges = {
            (a, b)
            for a, b in ((_folder(i.importer, depth), _folder(i.target, depth)) for i in imports() if i.is_ours)
            if a and b and a != b and not is_within(a, b) and not is_within(b, a)
        }
        assert find_cycles(edges) == [], f"folders {depth} deep"


def _folder(module: str, depth: int) -> str:
    return ".".join(below_package(module).split(".")[:depth])


def test_services_do_not_know_the_application_context():
    """A service takes only its own dependencies; only handlers and the app hold the context."""
    holders = {below_package(i.importer) for i in imports() if i.target == f"{PACKAGE}.server.web.context"}
    assert holders
    assert not [name for name in holders if not name.startswith(("server.web", "server.app"))]


HTTP = ("jupyter_server.auth", "jupyter_server.base", "jupyter_server.extension", "tornado.web", "tornado.websocket")
WEBSOCKET_CLIENTS = ("server.services.live.backends.gateway",)


def test_services_do_not_depend_on_http():
    """A service raises our errors and returns values; HTTP belongs to web/."""
    modules = {name for name in MODULES if below_package(name).startswith("server.services")}
    services = [i for i in imports() if i.importer in modules and below_package(i.importer) not in WEBSOCKET_CLIENTS]
    assert not [str(i) for i in services if i.target.startswith(HTTP)]


def test_only_the_store_imports_its_queries():
    """Outside ``store/``, modules use the store instead of its query modules."""
    door = ("store.store", "store.admin", "store.files.filesystem")
    found = [
        str(i)
        for i in imports()
        if i.is_ours
        and is_within(below_package(i.target), "store.catalog")
        and not below_package(i.importer).startswith(("store", "cli.checks"))
    ]
    assert found == [], f"ask {door[0]} instead"


def test_modules_and_functions_are_short():
    """A module has at most 300 lines, a function at most 40 besides its docstring."""
    import ast

    long = []
    for name, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MAX_LINES:
            long.append(f"{name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if ast.get_docstring(node) is not None:
                    lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long.append(f"{name}.{node.name}: {lines} lines")
    assert long == []


def test_the_modules_are_found():
    """The table is checked against real modules: an empty list would satisfy any table."""
    assert {layer_of(name) for name in MODULES} == set(LAYERS)
    assert len(imports()) > 100


@pytest.mark.parametrize(
    ("importer", "target", "at_import", "allowed"),
    [
        ("model.figures", "numpy", False, False),
        ("model.figures", f"{PACKAGE}.errors", True, True),
        ("model.figures", f"{PACKAGE}.store.store", False, False),
        ("plotting.encode", "matplotlib.figure", True, False),
        ("plotting.encode", "matplotlib.figure", False, True),
        ("kernel.figures.publish", f"{PACKAGE}.server.app", False, False),
        ("kernel.figures.publish", "tornado", True, False),
        ("sandbox.jail.seccomp", f"{PACKAGE}.model.figures", True, False),
        ("store.store", "tornado.ioloop", False, False),
        ("server.app", f"{PACKAGE}.kernel.client.client", False, False),
        ("server.app", f"{PACKAGE}.plotting.encode", False, False),
        ("server.app", "matplotlib", False, False),
        ("server.services.links.resolver", f"{PACKAGE}.server.web.http.handler", False, False),
        ("server.web.links.handlers", f"{PACKAGE}.server.services.links.resolver", True, True),
        ("server.web.links.handlers", f"{PACKAGE}.store.store", True, False),
        ("cli", f"{PACKAGE}.store.admin.offline", True, False),
        ("cli", f"{PACKAGE}.store.admin.offline", False, True),
    ],
)
def test_the_table_refuses_wrong_imports(importer, target, at_import, allowed):
    """The rule itself, with allowed and forbidden imports."""
    assert is_allowed(Import(f"{PACKAGE}.{importer}", target, at_import, 1)) is allowed


def test_cycles_are_found():
    """Nodes that lead into a cycle or out of it are not on it."""
    assert find_cycles({("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")}) == ["b", "c"]
    assert find_cycles({("a", "b"), ("b", "c"), ("a", "c")}) == []
