"""The workflow for a repository's figures: its shell commands run here, in a repository with a remote."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import WITHOUT_FRONT_ENDS, require_program

WORKFLOW = Path(__file__).parent.parent / "deploy" / "github" / "figures.yml"
CODE = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('Sales')\n"
JOB = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["figures"]
STEPS = {step["name"]: step for step in JOB["steps"] if "run" in step}


def git(directory: Path, *arguments: str) -> str:
    own = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *own, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clone with the code of one figure."""
    require_program("git")
    remote, clone = tmp_path / "remote.git", tmp_path / "clone"
    git(tmp_path, "init", "--bare", str(remote))
    git(tmp_path, "clone", str(remote), str(clone))
    (clone / "figures").mkdir()
    (clone / "figures" / "sales.py").write_text(CODE, encoding="utf-8")
    (clone / "README.md").write_text("![Sales](figures/sales.svg)\n", encoding="utf-8")
    git(clone, "add", ".")
    git(clone, "commit", "-m", "A figure")
    git(clone, "push", "-u", "origin", "HEAD")
    return clone


@pytest.fixture
def environment(tmp_path: Path):
    """The environment of a runner's shell; what the steps leave running ends with the test, as with the job."""
    directories = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("FIGSERVE_", "JUPYTER_", "GIT_"))
    }
    return (
        plain
        | directories
        | {
            "JUPYTER_CONFIG_PATH": str(WITHOUT_FRONT_ENDS),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_REPOSITORY": "ada/sales-report",
        }
    )


def test_the_figures_are_drawn_published_and_committed_once(repository, environment, live_server):
    """In the order of the workflow; drawn again without a change, they make no commit."""
    key = live_server.fetch("figserve/api/keys", method="POST", body={"scopes": ["publish"]}).json()["key"]
    secrets = {"FIGSERVE_URL": live_server.url, "FIGSERVE_API_KEY": key}
    assert set(STEPS["Publish"]["env"]) == set(secrets)
    assert list(STEPS) == ["Install", "Render", "Publish", "Commit"]

    def run(name: str, only: str = "", **variables: str) -> None:
        script = STEPS[name]["run"]
        process = subprocess.Popen(
            ["bash", "-eo", "pipefail", "-c", script[script.index(only) :]],
            cwd=repository,
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        groups.append(process.pid)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output

    groups: list[int] = []
    try:
        run("Render")
        run("Publish", **secrets)
        run("Commit")
        first = git(repository, "rev-parse", "@{upstream}")
        (repository / "figures" / "sales.svg").unlink()
        # The server is still running.
        run("Render", only="for code")
        run("Commit")
    finally:
        for group in groups:
            try:
                os.killpg(group, signal.SIGTERM)
            except ProcessLookupError:
                continue
    assert git(repository, "rev-parse", "@{upstream}") == first
    assert git(repository, "log", "--format=%s", "@{upstream}").splitlines() == ["Figures drawn again", "A figure"]
    assert git(repository, "show", "@{upstream}:figures/sales.svg").startswith("<?xml")
    (record,) = live_server.fetch("figserve/api/figures?name=sales").json()["figures"]
    assert record["collection"] == "sales-report"
