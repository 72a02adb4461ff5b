"""The Dockerfile and the compose file: common security and size rules, and a command that this package has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from jupyter_figserve.cli.commands.serve import host_arguments
from jupyter_figserve.cli.parser import make_parser

DOCKERFILE = Path(__file__).parent.parent / "deploy" / "Dockerfile"


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """Return instruction names and arguments, without comments and with continuation lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", " ", text).splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def last_stage(instructions: list[tuple[str, str]]) -> list[tuple[str, str]]:
    start = max(index for index, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[start:]


def test_it_runs_as_an_unprivileged_user(instructions):
    """The last user is a number other than root's, and nothing runs as root after it."""
    stage = last_stage(instructions)
    users = [index for index, (name, _) in enumerate(stage) if name == "USER"]
    assert int(stage[users[-1]][1]) >= 1000
    assert not [name for name, _ in stage[users[-1] :] if name in ("RUN", "COPY", "ADD")]


def test_the_image_is_slim_and_pinned(instructions):
    """A tagged slim image, no ADD, no system packages but fonts, no caches of pip and apt."""
    images = [rest.split()[0] for name, rest in instructions if name == "FROM"]
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", image) for image in images)
    assert "ADD" not in {name for name, _ in instructions}
    for _, rest in instructions:
        if "apt-get" in rest:
            (packages,) = re.findall(r"apt-get install -y --no-install-recommends ([^&]+)", rest)
            assert packages.split() == ["fonts-noto-cjk"]
            assert "rm -rf /var/lib/apt/lists/*" in rest
        assert "pip install" not in rest or "--no-cache-dir" in rest


def test_the_image_contains_no_secret(instructions):
    """Tokens and keys are passed at start."""
    for name, rest in instructions:
        if name in ("ENV", "ARG"):
            assert not re.search(r"TOKEN|KEY|SECRET|PASSWORD", rest)


def test_its_command_is_valid(instructions):
    """The parser accepts it as the render service, on the exposed port."""
    (command,) = [json.loads(rest) for name, rest in instructions if name == "ENTRYPOINT"]
    assert command[0] == "jupyter-figserve"
    options = make_parser().parse_args(command[1:])
    options.traits = []
    arguments = host_arguments(options)
    assert "--FigServeHost.render_only=True" in arguments
    (port,) = [rest for name, rest in instructions if name == "EXPOSE"]
    assert f"--ServerApp.port={port}" in arguments


def test_its_health_check_is_valid_python(instructions):
    """It compiles, and requests the served address."""
    (check,) = [rest for name, rest in instructions if name == "HEALTHCHECK"]
    command = json.loads(check[check.index("[") :])
    compile(command[2], "<health check>", "exec")
    assert "/figserve/api/status" in command[2]


def test_the_compose_file_needs_a_key_and_keeps_the_container_closed():
    """It names the Dockerfile and its port, publishes on loopback alone, and sets no secret itself."""
    file = DOCKERFILE.with_name("compose.yaml")
    (service,) = yaml.safe_load(file.read_text(encoding="utf-8"))["services"].values()
    build = service["build"]
    assert (file.parent / build["context"] / build["dockerfile"]).resolve() == DOCKERFILE.resolve()
    assert service["environment"]["FIGSERVE_API_KEY"].startswith("${FIGSERVE_API_KEY:?")
    (port,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
