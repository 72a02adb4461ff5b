"""The README's code runs: Python blocks in one kernel, shell blocks with a key, settings in a server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import require_package, require_program

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
PNG = (
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.kernel
def test_the_python_runs_from_top_to_bottom(live_server):
    """Every notebook block, run in order in one notebook, succeeds and prints its links."""
    code = [block for block in blocks("python") if not re.search(r"^c\.", block, re.MULTILINE)]
    assert len(code) == 6
    with live_server.kernel("readme.ipynb") as kernel:
        for block in code:
            execution = kernel.run(block)
            assert execution.error is None, block
            if "link.url" in block:
                assert re.search(r"http\S+/f/[\w-]{32}", execution.stdout)


def test_the_shell_lines_publish(live_server, tmp_path):
    """The curl command publishes an image with only a key."""
    require_program("curl")
    (tmp_path / "plot.png").write_bytes(bytes.fromhex(PNG))
    assert json.loads(run_bash(live_server, tmp_path, "api/figures"))["title"] == "From a shell"


def test_the_shell_lines_render(live_server, tmp_path):
    """Code written to a file is rendered as an image of the requested size."""
    require_program("curl")
    run_bash(live_server, tmp_path, "api/renders")
    assert 'width="600pt" height="300pt"' in (tmp_path / "plot.svg").read_text(encoding="utf-8")


def run_bash(server, directory: Path, route: str) -> str:
    """Run the block that requests this route, with a key for it; return its output."""
    made = server.fetch("figserve/api/keys", method="POST", body={"scopes": ["publish", "render"]}).json()
    environment = os.environ | {"FIGSERVE_API_KEY": made["key"], "FIGSERVE_URL": f"{server.url}figserve"}
    (block,) = [block for block in blocks("bash") if route in block]
    done = subprocess.run(["bash", "-ec", block], cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.kernel
def test_the_lines_for_the_shell_run(live_server, tmp_path):
    """Every block, in order, for a user with one running server and an image; the link is revoked at the end."""
    (tmp_path / "plot.png").write_bytes(bytes.fromhex(PNG))
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": programs, "SERVER": live_server.url}
    environment["JUPYTER_RUNTIME_DIR"] = str(live_server.runtime)
    for block in blocks("sh"):
        done = subprocess.run(["bash", "-ec", block], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{block}\n{done.stderr}"
    link = (tmp_path / "link.txt").read_text().strip()
    assert re.fullmatch(r"http\S+/f/[\w-]{32}", link)
    assert live_server.fetch(link, anonymous=True).status == 404
    assert (tmp_path / "figures.zip").exists()


def test_the_settings_are_those_of_the_extension(make_server, tmp_path):
    """A server starts with the README's configuration, and uses its settings."""
    (block,) = [block for block in blocks("python") if block.startswith("c.FigServe.public_url")]
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(block, encoding="utf-8")
    server = make_server(args=[f"--config={config}"])
    status = server.fetch("figserve/api/status").json()
    assert status["limits"]["keep_versions"] == 50
    assert status["limits"]["link_max_age"] == 90 * 86_400


def test_the_hubs_configuration_is_complete():
    """The README's configuration of a JupyterHub runs, and adds the service."""
    require_package("jupyterhub")
    from traitlets.config import Config

    c = Config()
    (block,) = [block for block in blocks("python") if block.startswith("c.JupyterHub")]
    exec(block, {"c": c})
    assert [service["name"] for service in c.JupyterHub.services] == ["figserve"]


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_relative_links_lead_to_files(name):
    """Every relative link and image of a document is a file or folder in the repository."""
    text = (README.parent / name).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", text)
    assert targets or name == "SECURITY.md"
    assert [target for target in targets if not (README.parent / target).exists()] == []
