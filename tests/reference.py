"""`make reference`: write the last chapter of the notebooks from docstrings, help texts and the API's description."""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jupyter_server.extension.application import ExtensionApp
from traitlets import Container, TraitType, Undefined
from traitlets.config import Configurable

import jupyter_figserve
from jupyter_figserve import errors
from jupyter_figserve.cli import COMMANDS
from jupyter_figserve.cli.registry import ORDER
from jupyter_figserve.kernel.client.local_server import Server
from jupyter_figserve.kernel.magics import _publish_parser
from jupyter_figserve.server.app import FigServe
from jupyter_figserve.server.standalone import FigServeHost

CHAPTER = Path(__file__).resolve().parent.parent / "notebooks" / "90_reference.ipynb"
OPENAPI = Path(jupyter_figserve.__file__).parent / "openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")
CLASSES = ("Published", "SharedLink", "CapturedPlot", "LiveFigure", "Dashboard", "Panel", "Range", "Response")
SECTIONS = {
    "figures": "Figures",
    "links": "Links",
    "shared": "What a link opens",
    "live": "Live figures",
    "dashboards": "Dashboards",
    "sessions": "Sessions",
    "renders": "Renders",
    "keys": "Keys",
    "events": "Events",
    "assistants": "AI assistants",
    "pages": "Pages",
    "server": "The server, and its administrators",
}
"""Tags of the API's description, in the order of the chapter."""
TITLES = {
    "SiteConfig": "Addresses, storage and links",
    "LiveConfig": "Live figures",
    "AssistantConfig": "AI assistants",
    "AudienceConfig": "Whom links may be for",
    "DataConfig": "The data and the code behind figures",
    "DatabaseConfig": "The catalog",
    "BlobConfig": "A bucket in place of files",
    "RendererConfig": "Where renders run",
    "RenderConfig": "Posted code, other sizes and formats, and the sandbox",
    "QueueConfig": "Queues, so that visitors do not delay the owner",
    "TrafficConfig": "Slow and many clients",
    "HubConfig": "The address in links, and a JupyterHub's service",
    "ReplicaConfig": "Several servers",
}
"""Of the classes that have settings; others have the first line of their docstring."""
VARIABLES = {
    "FIGSERVE_URL": "Address of the server for scripts and commands, such as `https://figures.example.org/figserve`.",
    "FIGSERVE_API_KEY": "The key that they send. For `jupyter figserve serve --render-only`: the keys that it accepts,"
    " of at least 16 characters, separated by commas.",
    "FIGSERVE_OFFLINE": "What `publish` does without a server: `error` raises `NotConnected`, `warn` warns once and"
    " goes on. Default: `warn` in batch runs, else `error`.",
    "FIGSERVE_SIGNING_SECRET": "Secrets that sign addresses and derive the tokens of links, newest first, separated by"
    " commas. Default: the file `signing.keys` in `data_dir`.",
    "FIGSERVE_WORKER_KEY": "The key between servers and render workers; several are separated by commas.",
    "FIGSERVE_SERVICE": "On a JupyterHub: the address of the service for the users' servers; `hub.configure` sets it.",
    "FIGSERVE_SETTINGS": "On a JupyterHub: the settings of the service, as JSON; `hub.configure` sets it.",
    "KERNEL_FIGSERVE_URL": "In a kernel: the server that it publishes to. Set when the kernel starts, as all below.",
    "KERNEL_FIGSERVE_KEY": "In a kernel: its own API key, valid until the kernel ends.",
    "KERNEL_FIGSERVE_CA": "In a kernel: a file of certificates that it trusts besides the system's. Set it in the"
    " server's environment where a private authority signed the certificate.",
    "KERNEL_FIGSERVE_PLOTS": "In a kernel: the session's plots directory, whose image files have URLs.",
    "KERNEL_FIGSERVE_LOCAL_URL": "In a kernel on a JupyterHub: its own server, which captures what is displayed.",
    "KERNEL_FIGSERVE_LOCAL_KEY": "In a kernel on a JupyterHub: its key there.",
    "KERNEL_FIGSERVE_LOCAL_CA": "In a kernel on a JupyterHub: the certificates of its own server.",
    "KERNEL_FIGSERVE_READ_ONLY": "In a kernel: set where its server cannot store figures at the moment.",
}


def main() -> None:
    CHAPTER.write_text(make_chapter(), encoding="utf-8")
    print(f"Written: {CHAPTER}")


def make_chapter() -> str:
    """Return the notebook's JSON."""
    cells = [_markdown("about", ABOUT), _code("ask", ASK), *(_markdown(*row) for row in _sections())]
    metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


ABOUT = """# Reference

Every name, magic, command, route, setting and environment variable, in one place to search. The other notebooks explain
them in the order in which you need them. `make reference` writes this chapter from the code.

In a notebook, `figserve.publish?` shows the parameters, units, defaults and errors of a function; `make docs` builds
pages of them all."""
ASK = "import jupyter_figserve as figserve\n\nprint(figserve.__version__)\nhelp(figserve.get)"


def _sections() -> Iterable[tuple[str, str]]:
    """Yield the id and the text of each cell."""
    yield "functions", "## In a notebook\n\n" + _table(("call", "does"), _functions())
    for name in CLASSES:
        yield name.lower(), _describe_class(name, getattr(jupyter_figserve, name))
    yield "server-of-serve", _describe_class("serve", Server)
    yield "magics", _magics()
    yield "errors", _errors()
    yield "commands", "## In a shell\n\n" + _table(("command", "does"), _commands())
    yield "routes", "## Over HTTP\n\nRoutes begin with the server's address and `/figserve`. " + ROUTES
    for tag, title in SECTIONS.items():
        yield f"routes-{tag}", f"### {title}\n\n" + _table(("request", "does"), _routes(tag))
    yield "settings", "## Settings\n\n" + SETTINGS
    for holder, title in _setting_groups():
        traits = holder.class_own_traits(config=True)
        rows = [_setting(holder, name, traits[name]) for name in own_settings(holder)]
        identity = holder.__name__.lower().removesuffix("config")
        yield f"settings-{identity}", f"### {title}\n\n" + _table(("setting", "default", "meaning"), rows)
    yield "hub", HUB
    rows = [(f"`{name}`", text) for name, text in VARIABLES.items()]
    yield "variables", "## Environment variables\n\n" + _table(("variable", "meaning"), rows)


ROUTES = """Programs send an API key in the header `X-API-Key`. `/figserve/api/openapi.yaml` describes parameters,
bodies and answers. Every `GET` answers `HEAD` too; errors are JSON with `error`, a sentence, and `code`."""
SETTINGS = """In `jupyter_server_config.py` as `c.FigServe.keep_versions = 50`, or after `jupyter figserve serve` and
`jupyter lab` as `--FigServe.keep_versions=50`. The extension does not load with an invalid one."""
HUB = """### On a JupyterHub

`jupyter_figserve.hub.configure(c, url="http://127.0.0.1:8690", managed=True, user=None, api_token=None, **settings)`,
at the end of `jupyterhub_config.py`, makes figserve a service of the Hub with these settings."""


def _functions() -> Iterable[tuple[str, str]]:
    for name in jupyter_figserve.__all__:
        member = getattr(jupyter_figserve, name)
        if inspect.isfunction(member) and name != "load_ipython_extension":
            yield f"`figserve.{name}{_write_call(member)}`", _summary(member)


def _write_call(function: Callable[..., Any]) -> str:
    """Return the parameters without their types."""
    signature = inspect.signature(function)
    own = [one for one in signature.parameters.values() if one.name not in ("self", "function")]
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in own]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def public_members(kind: type) -> list[str]:
    """Return the names of methods, properties and fields that the package defines, inherited ones included."""
    own = [base for base in kind.__mro__ if base.__module__.startswith("jupyter_figserve")]
    names = {name for base in own for name in (*vars(base), *vars(base).get("__annotations__", ()))}
    return sorted(name for name in names if not name.startswith("_"))


def _describe_class(name: str, kind: type) -> str:
    title = "What `figserve.serve()` returns" if name == "serve" else f"`{name}`"
    rows = []
    for member in public_members(kind):
        value = inspect.getattr_static(kind, member, None)
        if inspect.isfunction(value):
            rows.append((f"`.{member}{_write_call(value)}`", _summary(value)))
        else:
            rows.append((f"`.{member}`", _summary(value) if isinstance(value, property) else _field(kind, member)))
    return f"### {title}\n\n{_summary(kind)}\n\n" + _table(("member", "is or does"), rows)


def _field(kind: type, name: str) -> str:
    """Return the text of a field from the section Parameters of its class."""
    lines = inspect.cleandoc(kind.__doc__ or "").splitlines()
    for number, line in enumerate(lines):
        if name in line.split(", ") and not line.startswith(" "):
            words = (text.strip() for text in _indented(lines[number + 1 :]))
            return " ".join(words).replace("``", "`")
    raise LookupError(f"{kind.__name__}.{name} is not described")


def _indented(lines: list[str]) -> Iterable[str]:
    for line in lines:
        if not line.startswith(" "):
            return
        yield line


def _magics() -> str:
    rows = [
        ("`%load_ext jupyter_figserve`", "Register the magics; `load_ipython_extension` is the function that does."),
        ("`%figserve status`", "Show the server, how it was found, the owner and the figures of this notebook."),
        ("`%%publish NAME`", str(_publish_parser().description)),
    ]
    for action in _publish_parser()._actions:
        if action.option_strings and not isinstance(action, argparse._HelpAction):
            value = f" {action.metavar or action.dest.upper()}" if action.nargs != 0 else ""
            rows.append((f"`%%publish {action.option_strings[-1]}{value}`", str(action.help)))
    return "### Magics\n\n" + _table(("magic", "does"), rows)


def _errors() -> str:
    tree = re.findall(r"^[│├└─ ]+(\w+) {2,}(.+?)(?: {2,}\d{3})?$", str(errors.__doc__), re.MULTILINE)
    kinds = [(getattr(errors, name), when) for name, when in tree]
    rows = [(f"`{kind.__name__}`", f"`{kind.code}`", str(kind.status), when.replace("``", "`")) for kind, when in kinds]
    text = "Each is a `figserve.FigServeError`: its text says what is wrong and what to do, `code` is for programs."
    return f"### Errors\n\n{text}\n\n" + _table(("error", "code", "HTTP status", "when"), rows)


def _commands() -> Iterable[tuple[str, str]]:
    return [(f"`jupyter figserve {name}`", COMMANDS[name].summary) for name in sorted(COMMANDS, key=ORDER.index)]


@cache
def read_paths() -> dict[str, Any]:
    """Return the paths of the API's description; the parser of PyYAML in Python takes seconds."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    paths: dict[str, Any] = yaml.load(OPENAPI.read_text(encoding="utf-8"), loader)["paths"]  # noqa: S506 - both are safe
    return paths


def _routes(tag: str) -> Iterable[tuple[str, str]]:
    for path, operations in read_paths().items():
        for method in METHODS:
            if method in operations and operations[method]["tags"][0] == tag:
                yield f"`{method.upper()} {path}`", operations[method]["summary"]


def _setting_groups() -> Iterable[tuple[type[Configurable], str]]:
    """Yield the classes that have settings, with their titles."""
    for base in FigServe.__mro__:
        is_ours = base.__module__.startswith("jupyter_figserve") and issubclass(base, Configurable)
        if is_ours and own_settings(base):
            yield base, TITLES.get(base.__name__) or _summary(base).removesuffix(".")
    yield FigServeHost, "Of `jupyter figserve serve` alone"


def own_settings(kind: type[Configurable]) -> list[str]:
    """Return the names of the settings that a class defines, without those of Jupyter."""
    return sorted(set(kind.class_own_traits(config=True)) - set(ExtensionApp.class_traits(config=True)))


def _setting(holder: type[Configurable], name: str, trait: TraitType[Any, Any]) -> tuple[str, str, str]:
    prefix = "FigServeHost." if holder is FigServeHost else ""
    return f"`{prefix}{name}`", _default(trait), str(trait.help)


def _default(trait: TraitType[Any, Any]) -> str:
    """Return the default value, in larger units too; "" where the help says what it is."""
    value = trait.default() if isinstance(trait, Container) else trait.default_value
    if value in ("", None, Undefined) or "Default:" in str(trait.help):
        return ""
    is_large = isinstance(value, int) and value >= 2**20 and value % 2**20 == 0
    return f"`{value!r}`" + (f" ({value // 2**20:,} MiB)" if is_large else "")


def _summary(member: Any) -> str:
    """Return the first paragraph of a docstring as one line."""
    text = inspect.getdoc(member) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _markdown(identity: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": identity, "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(identity: str, text: str) -> dict[str, Any]:
    found = {"cell_type": "code", "execution_count": None, "id": identity, "metadata": {}, "outputs": []}
    return found | {"source": text.splitlines(keepends=True)}


if __name__ == "__main__":
    main()
