"""The kernels that Jupyter offers: whether notebooks in them can publish. Their interpreters are asked. Any process."""

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

from .environment import PACKAGE, is_good, requirements
from .result import Result, note, ok, wrong

_SECONDS = 60
_OLDEST_PYTHON = (3, 11)
_PYTHON = re.compile(r"python([0-9.]*)?(\.exe)?")
# For any Python that a kernel may have.
_QUESTION = """
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
        yield wrong("kernel", "none", "Jupyter knows no kernel.", f"{sys.executable} -m pip install ipykernel")


def interpreter_of(spec: Mapping[str, Any]) -> str | None:
    """The Python that a kernel runs in; None when it is started by something else.

    As jupyter_client does, a bare ``python`` is this environment's own.
    """
    words = spec.get("argv") or [""]
    word = str(words[0])
    if not _PYTHON.fullmatch(os.path.basename(word)):
        return None
    return sys.executable if os.path.dirname(word) == "" else shutil.which(word)


def ask(interpreter: str, environment: Mapping[str, str] | None = None, question: str = _QUESTION) -> Any:
    """The JSON that a question prints in another interpreter.

    Raises
    ------
    OSError, ValueError
        When it gives none.
    """
    with tempfile.TemporaryDirectory() as nowhere:
        # Elsewhere, so that a directory named like the package is not taken for it.
        done = subprocess.run(
            [interpreter, "-c", question],
            cwd=nowhere,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise ValueError(last[0])
    return json.loads(done.stdout)


def _check(name: str, spec: Mapping[str, Any]) -> Iterator[Result]:
    if str(spec.get("language", "")).lower() != "python":
        says = f"It is for {spec.get('language') or 'another language'}, whose programs publish by HTTP with a key."
        yield note("kernel", name, says)
        return
    interpreter = interpreter_of(spec)
    if interpreter is None:
        words = " ".join(map(str, spec.get("argv") or [])) or "nothing"
        yield note("kernel", name, f"It is started by {words!r:.200}, so that its environment cannot be asked.")
        return
    try:
        found = ask(interpreter, {k: str(v) for k, v in (spec.get("env") or {}).items()})
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        mend = f"jupyter kernelspec remove {shlex.quote(name)}"
        yield wrong("kernel", name, f"Its interpreter {interpreter} does not run: {error}.", mend)
        return
    yield from _judge(name, interpreter, found)


def _judge(name: str, interpreter: str, found: Mapping[str, Any]) -> Iterator[Result]:
    python, pip = ".".join(map(str, found["python"])), f"{shlex.quote(interpreter)} -m pip install"
    if tuple(found["python"]) < _OLDEST_PYTHON:
        wanted = ".".join(map(str, _OLDEST_PYTHON))
        says = f"Its Python is {python}, and jupyter_figserve wants {wanted} or newer."
        yield wrong("kernel", name, says, f"make an environment with Python {wanted} and its kernel in it")
        return
    if not found["is_there"]:
        says = f"Its environment ({interpreter}) lacks jupyter_figserve, so that notebooks in it cannot publish."
        yield wrong("kernel", name, says, f"{pip} {PACKAGE}")
        return
    faults = False
    for package, wanted in requirements("ipykernel", "matplotlib").items():
        version = found[package]
        if version is not None and not is_good(version, wanted):
            faults = True
            says = f"{package} {version} in its environment is too old: jupyter_figserve wants {package}{wanted}."
            yield wrong("kernel", name, says, f"{pip} --upgrade '{package}{wanted}'")
    if not faults:
        yield ok("kernel", name, f"Its environment has jupyter_figserve {found[PACKAGE] or 'from a checkout'}.")
