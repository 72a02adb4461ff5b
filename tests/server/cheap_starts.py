"""Cheaper starts of a thousand Jupyter servers in one process: what is the same for all of them is done once."""

from __future__ import annotations

import copy
import functools
from typing import Any

import jupyter_events.schema
import jupyter_events.yaml
import jupyter_server._sysinfo
import jupyter_server.serverapp
import traitlets
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp, ServerWebApplication
from traitlets.config import Application, Config

_validate_schema, _validated = jupyter_events.schema.validate_schema, set[str]()
_read_yaml = functools.cache(jupyter_events.yaml.loads)
_parse_command_line = Application.parse_command_line
_find_traits, _of_configuration = traitlets.HasTraits.traits, dict[type, dict[str, Any]]()
_check_handler, _checked = ServerWebApplication._check_handler_auth, set[type]()


def make_starts_cheap() -> None:
    """Replace what Jupyter does again for each server; half of a test's time would be that."""
    jupyter_events.schema.validate_schema = _validate_once
    # The schemas of Jupyter's events are read, and Git is asked for the commit of Jupyter, by the first server only.
    jupyter_events.yaml.loads = lambda text: copy.deepcopy(_read_yaml(text))
    jupyter_server._sysinfo.pkg_commit_hash = functools.cache(jupyter_server._sysinfo.pkg_commit_hash)
    Application.parse_command_line = _parse_arguments
    traitlets.HasTraits.traits = _traits
    ServerWebApplication._check_handler_auth = _check_handler_once
    # The directories of configuration are the test's own, and empty; nobody opens a browser. Commands read theirs.
    ServerApp.load_config_file = ExtensionApp.load_config_file = lambda self, suppress_errors=True: None
    ServerApp.find_server_extensions = lambda self: None
    ServerApp.write_browser_open_files = ServerApp.remove_browser_open_files = lambda self: None


def _validate_once(schema: dict[str, Any]) -> None:
    if schema["$id"] not in _validated:
        _validate_schema(schema)
        _validated.add(schema["$id"])


def _parse_arguments(self: Application, argv: list[str] | None = None) -> None:
    """Make no parser of all traits where there are no arguments."""
    if argv is None or len(argv) > 0:
        _parse_command_line(self, argv)
    else:
        self.argv, self.extra_args, self.cli_config = [], [], Config()


def _traits(self: traitlets.HasTraits, **metadata: Any) -> dict[str, Any]:
    """Find the traits that can be configured once for each class: each instance asks for them several times."""
    if metadata != {"config": True}:
        return _find_traits(self, **metadata)
    kind = type(self)
    if kind not in _of_configuration:
        _of_configuration[kind] = _find_traits(self, config=True)
    return _of_configuration[kind].copy()


def _check_handler_once(self: ServerWebApplication, matcher: Any, handler: Any) -> list[str]:
    """Check that a class of handlers asks for a login once; what is missing is said each time."""
    missing = [] if handler in _checked else _check_handler(self, matcher, handler)
    if not missing and isinstance(handler, type):  # A router belongs to its server.
        _checked.add(handler)
    return missing
