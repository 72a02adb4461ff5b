"""Checks of the user's running servers on this machine, and of the directories they share. Any process."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import FigServeError
from ..server_selection import make_client
from .kernels import run_in_interpreter
from .result import Result, note, ok, wrong
from .server import Examination

if TYPE_CHECKING:
    from ...kernel.client.running_servers import RunningServer

# A directory of that name without an __init__.py is not an installation.
_IS_INSTALLED = """
import importlib.util, json
spec = importlib.util.find_spec("jupyter_figserve")
print(json.dumps(spec is not None and spec.origin is not None))
"""
# Like ServerApp.find_server_extensions: the first configuration that names the extension takes precedence.
_IS_ENABLED = """
import json
from jupyter_core.paths import ENV_CONFIG_PATH, jupyter_config_dir, jupyter_config_path
from jupyter_server.extension.config import ExtensionConfigManager
enabled, level = False, "--sys-prefix"
for path in jupyter_config_path():
    found = ExtensionConfigManager(read_config_path=[path]).get_jpserver_extensions()
    if "jupyter_figserve" in found:
        enabled = bool(found["jupyter_figserve"])
        level = "--sys-prefix" if path in ENV_CONFIG_PATH else "--system"
        if path == jupyter_config_dir():
            level = "--user"
        break
print(json.dumps([enabled, level]))
"""


def check_running(options: argparse.Namespace, examined: list[Examination]) -> Iterator[Result]:
    """Check each server that is not in ``examined``, and the servers that share a data directory."""
    from ...kernel.client.running_servers import find_running_servers

    servers = find_running_servers()
    known = {(one.client.address.port, one.client.address.prefix) for one in examined}
    if not servers and not examined:
        says = "You have no Jupyter server running on this machine."
        yield note("server", "none", says, "jupyter lab  # or: jupyter figserve serve")
    for server in servers:
        if (server.address.port, server.address.prefix) not in known:
            yield from _check(server, options, examined)
    yield from _compare(examined)


def _check(server: RunningServer, options: argparse.Namespace, examined: list[Examination]) -> Iterator[Result]:
    try:
        client = make_client(options, server.address, server.token or None)
    except FigServeError as error:
        yield wrong(
            "server", server.url, str(error), f"jupyter figserve doctor --server {shlex.quote(server.url)} --insecure"
        )
        return
    examination = Examination(client, None if options.ca_file is None else str(options.ca_file))
    for result in examination.results():
        if result.check == "extension":
            yield _diagnose_missing(server)
        elif result.check == "key" and not server.token:
            says = "It uses a password instead of a token, so programs need a key."
            yield note("key", server.url, says, "create a key with POST figserve/api/keys from a logged-in browser")
        else:
            yield result
    examined.append(examination)


def _diagnose_missing(server: RunningServer) -> Result:
    """Find out from a server's interpreter why it lacks the extension."""
    from ...kernel.client.running_servers import command_line, process_environment

    command = command_line(server.process)
    if not command or not os.path.basename(command[0]).startswith("python"):
        says = "jupyter_figserve does not respond: it is not installed in that server's environment, or disabled."
        return wrong("extension", server.url, says, "pip install jupyter_figserve  # there, and restart the server")
    interpreter, environment = command[0], process_environment(server.process)
    python = shlex.quote(interpreter)
    try:
        if not run_in_interpreter(interpreter, environment, _IS_INSTALLED):
            says = f"jupyter_figserve is not installed in that server's environment ({interpreter})."
            return wrong("extension", server.url, says, f"{python} -m pip install jupyter_figserve")
        is_enabled, level = run_in_interpreter(interpreter, environment, _IS_ENABLED)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        says = f"jupyter_figserve does not respond, and the interpreter {interpreter} cannot be run: {error}."
        return wrong("extension", server.url, says, f"{python} -m pip install jupyter_figserve")
    if not is_enabled:
        says = f"jupyter_figserve is installed for that server ({interpreter}), but disabled."
        return wrong("extension", server.url, says, f"{_enabling(interpreter, level)} && restart that server")
    says = (
        "jupyter_figserve is installed and enabled for that server, but not loaded: the server was started before"
        " the installation or with the extension disabled, or its log shows the error, such as an invalid setting."
    )
    return wrong("extension", server.url, says, f"restart that server (process {server.process}), and see its log")


def _enabling(interpreter: str, level: str) -> str:
    script = Path(interpreter).with_name("jupyter-server")
    if script.is_file():
        return f"{shlex.quote(str(script))} extension enable {level} jupyter_figserve"
    return f"{shlex.quote(interpreter)} -m jupyter_server.extension.serverextension enable {level} jupyter_figserve"


def _compare(examined: list[Examination]) -> Iterator[Result]:
    """Report servers that share a data directory, which is normal."""
    by_directory: dict[str, list[Examination]] = {}
    for one in examined:
        if one.diagnosis is not None:
            by_directory.setdefault(str(one.diagnosis["directory"]["path"]), []).append(one)
    for path, sharing in by_directory.items():
        if len(sharing) < 2:
            continue
        versions = sorted({str(one.diagnosis["version"]) for one in sharing if one.diagnosis})
        urls = " and ".join(one.url for one in sharing)
        if len(versions) == 1:
            yield ok("shared_directory", path, f"{urls} share it, which is supported.")
            continue
        says = (
            f"{urls} share it with different versions ({', '.join(versions)}). The older one becomes read-only once the"
            " newer one has migrated the catalog."
        )
        yield note(
            "shared_directory", path, says, "pip install --upgrade jupyter_figserve  # in the older one's environment"
        )


def check_leftovers() -> Iterator[Result]:
    """Report runtime files of servers that were killed."""
    from jupyter_core.paths import jupyter_runtime_dir

    from ...kernel.client.running_servers import is_alive

    for path in sorted(Path(jupyter_runtime_dir()).glob("jpserver-*.json")):
        try:
            process = int(json.loads(path.read_text(encoding="utf-8"))["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if not is_alive(process):
            says = "A server that was killed left this file. It is harmless."
            yield note("leftover", str(path), says, f"rm {shlex.quote(str(path))}")
