"""All examples of the help run as printed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_figserve import cli
from jupyter_figserve.cli.registry import ORDER
from tests.server.sample_images import SVG, png

from .conftest import DEADLINE, Shell

SERVERS = ("demo", "serve", "worker")
WITH_TARGETS = ("migrate",)
"""Their examples name a database and a bucket; the tests of the command have real ones."""
ELSEWHERE = ("https://", "--on team")
"""Parts of examples that use another server; the tests of `connect` and of its users have one."""
EXAMPLES = [
    example
    for name in ORDER
    if name not in (*SERVERS, *WITH_TARGETS)
    for example in cli.COMMANDS[name].examples
    if not any(part in example for part in ELSEWHERE)
]
SHELL_SYNTAX = set("|<>*")


def one_of_each(examples: list[str]) -> list[str]:
    """Return the first example of each command, and all that use the shell's pipes, redirections and patterns."""
    commands = [tuple(example.partition("figserve ")[2].split()[: 1 + ("keys" in example)]) for example in examples]
    return [
        example
        for number, (example, command) in enumerate(zip(examples, commands, strict=True))
        if command not in commands[:number] or SHELL_SYNTAX & set(example)
    ]


@pytest.fixture
def prepared_shell(shell: Shell) -> Shell:
    """In a directory with an image in two formats; `jupyter` is that of this environment."""
    (shell.home / "plot.png").write_bytes(png())
    (shell.home / "plot.svg").write_bytes(SVG)
    (shell.home / "plot.py").write_text("import matplotlib.pyplot as plt; plt.plot([1, 3, 2])")
    for directory in ("figures", "data/figserve"):
        (shell.home / directory).mkdir(parents=True)
        (shell.home / directory).chmod(0o700)
    browser = shell.home / "browser"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o700)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return shell.with_env(PATH=path, BROWSER=f"{browser} %s", PYTHONUNBUFFERED="1")


@pytest.fixture(scope="module")
def figures(live_server) -> None:
    """A figure that was drawn by a kernel, and a deleted one."""
    with live_server.kernel("plots.ipynb") as kernel:
        for draw in "f.publish(name='drawn')", "f.publish(name='sales').delete()":
            made = kernel.run(f"import jupyter_figserve as f, matplotlib.pyplot as p; p.plot([1]); {draw}")
            assert made.error is None


@pytest.mark.kernel
@pytest.mark.parametrize(
    "examples",
    [
        pytest.param(one_of_each(EXAMPLES), id="one of each"),
        pytest.param(EXAMPLES, id="all", marks=pytest.mark.nightly),
    ],
)
@pytest.mark.usefixtures("figures")
def test_every_example_runs(prepared_shell, examples):
    """In the order of the help, each example exits with 0 and may use earlier results."""
    assert len(EXAMPLES) > 25
    assert len(one_of_each(EXAMPLES)) > 10
    for example in examples:
        done = subprocess.run(
            ["sh", "-c", example],
            cwd=prepared_shell.home,
            env=prepared_shell.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        assert done.returncode == 0, f"{example}\n{done.stdout}{done.stderr}"


@pytest.mark.kernel
@pytest.mark.parametrize("example", [example for name in SERVERS for example in cli.COMMANDS[name].examples])
@pytest.mark.nightly
def test_servers_of_the_examples_start(example, isolated_shell):
    """Servers end with Ctrl-C, or by themselves with --exit."""
    shell = isolated_shell.with_env(
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", PYTHONUNBUFFERED="1"
    )
    (isolated_shell.home / "worker.key").write_text("k" * 64)
    (isolated_shell.home / "worker.key").chmod(0o600)
    process = subprocess.Popen(
        ["sh", "-c", f"exec {example}"],
        cwd=isolated_shell.home,
        env=shell.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "Use Control-C" in line or "Serving until you press Ctrl-C" in line:
                process.send_signal(signal.SIGINT if "demo" in example else signal.SIGTERM)
        assert process.wait(DEADLINE) == 0, "".join(lines)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
    assert len(lines) > 2
