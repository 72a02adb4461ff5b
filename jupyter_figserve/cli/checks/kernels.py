"""Checks whether notebooks can publish in each installed kernel, by running its interpreter. Any process."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from .environment import PACKAGE, requirements, satisfies
from .result import Result, note, ok, wrong

_TIMEOUT = 60
_MIN_PYTHON = (3, 11)
_PYTHON = re.compile(r"python([0-9.]*)?(\.exe)?")
# Must run in any Python version that a kernel may have.
_CODE = """
import json, sys
from importlib import metadata, util
def version(name):
    try:
        return metadata.version(name)
    except Exception:
        return None
found = {name: version(name) for name in ("jupyter_figserve", "ipykernel", "matplotlib")}
spec = util.find_spec("jupyter_figserve")
found["is_there"] = spec is not None and spec.origin is not None
print(json.dumps({"python": sys.version_info[:2], **found}))
"""


def check_kernels() -> Iterator[Result]:
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager().get_all_specs()
    for name, found in sorted(specs.items()):
        yield from _check(name, found["spec"])
    if not specs:
        yield wrong("kernel", "none", "No kernel is installed.", f"{sys.executable} -m pip install ipykernel")


def find_interpreter(spec: Mapping[str, Any]) -> str | None:
    """Return the Python interpreter of a kernel; None if another program starts it.

    Like in jupyter_client, a bare ``python`` means this environment's interpreter.
    """
    program = str((spec.get("argv") or [""])[0])
    if not _PYTHON.fullmatch(os.path.basename(program)):
        return None
    return sys.executable if os.path.dirname(program) == "" else shutil.which(program)


def run_in_interpreter(interpreter: str, environment: Mapping[str, str] | None = None, code: str = _CODE) -> Any:
    """Run code in another interpreter, and return the JSON that it prints.

    Raises
    ------
    OSError, ValueError
        The code fails.
    """
    with tempfile.TemporaryDirectory() as directory:
        # An empty directory, so that no directory with the package's name is imported.
        done = subprocess.run(
            [interpreter, "-c", code],
            cwd=directory,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        raise ValueError(last[0])
    return json.loads(done.stdout)


def _check(name: str, spec: Mapping[str, Any]) -> Iterator[Result]:
    if str(spec.get("language", "")).lower() != "python":
        says = f"It is for {spec.get('language') or 'another language'}; publish over HTTP with a key."
        yield note("kernel", name, says)
        return
    interpreter = find_interpreter(spec)
    if interpreter is None:
        command = " ".join(map(str, spec.get("argv") or [])) or "nothing"
        yield note("kernel", name, f"It is started by {command!r:.200}, so its environment cannot be checked.")
        return
    try:
        found = run_in_interpreter(interpreter, {k: str(v) for k, v in (spec.get("env") or {}).items()})
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        mend = f"jupyter kernelspec remove {shlex.quote(name)}"
        yield wrong("kernel", name, f"Its interpreter {interpreter} does not run: {error}.", mend)
        return
    yield from _assess(name, interpreter, found)


def _assess(name: str, interpreter: str, found: Mapping[str, Any]) -> Iterator[Result]:
    python, pip = ".".join(map(str, found["python"])), f"{shlex.quote(interpreter)} -m pip install"
    if tuple(found["python"]) < _MIN_PYTHON:
        minimum = ".".join(map(str, _MIN_PYTHON))
        says = f"Its Python is {python}; jupyter_figserve requires {minimum} or newer."
        yield wrong("kernel", name, says, f"create an environment with Python {minimum} and a kernel")
        return
    if not found["is_there"]:
        says = f"Its environment ({interpreter}) lacks jupyter_figserve, so its notebooks cannot publish."
        yield wrong("kernel", name, says, f"{pip} {PACKAGE}")
        return
    problems = False
    for package, specifier in requirements("ipykernel", "matplotlib").items():
        version = found[package]
        if version is not None and not satisfies(version, specifier):
            problems = True
            says = f"{package} {version} in its environment is too old; jupyter_figserve requires {package}{specifier}."
            yield wrong("kernel", name, says, f"{pip} --upgrade '{package}{specifier}'")
    if not problems:
        yield ok("kernel", name, f"Its environment has jupyter_figserve {found[PACKAGE] or 'from a checkout'}.")
