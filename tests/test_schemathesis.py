"""Requests that Schemathesis derives from the OpenAPI document, sent to a real server as everybody there is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from jupyter_figserve.demo.kernel_session import KernelSession
from jupyter_figserve.demo.server_process import ServerProcess

from .conftest import require_package

pytestmark = pytest.mark.nightly
PACKAGE = Path(__file__).parents[1] / "jupyter_figserve"
CHECKS = "status_code_conformance,content_type_conformance,response_schema_conformance"
LEFT_OUT = "events|agent|openapi.yaml|oembed|render-matplotlib"
"""Streams; what Schemathesis parses; and where 501 (oEmbed) and 500 (the original API) are documented answers."""
SECONDS = 60
MAKE_THINGS = """
import json
import jupyter_figserve as figserve
from matplotlib.figure import Figure

@figserve.live
def animal(since: int = 2010):
    fig = Figure(figsize=(1, 1))
    fig.subplots().plot([since, 1])
    return fig

made = [figserve.publish(animal(n), f"{who} {{n}}") for n in range(6)]
board = figserve.Dashboard("Animals of {who}", [[made[0], animal], ["## Notes"]])
links = [pub.share(data=True, code=True) for pub in made[:4]] + [animal.share(allow=["since"]), board.share()]
print(json.dumps({{
    "figures": [pub.id for pub in made], "dashboards": [board.id], "live": [animal.id],
    "links": [link.id for link in links], "tokens": [link.url.rpartition("/")[2] for link in links],
}}))
"""
"""What a user has; schemathesis alone would guess no id."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    rates = [f"--FigServe.{name}=" for name in ("rate_limit", "failed_secret_rate", "live_link_rate")]
    server = ServerProcess(tmp_path_factory.mktemp("schemathesis"), rates)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def kernel(server: ServerProcess) -> Iterator[KernelSession]:
    with server.kernel("animals.ipynb") as kernel:
        yield kernel


@pytest.fixture
def document(kernel: KernelSession, who: str, tmp_path: Path) -> Path:
    """Return the document, with ids and tokens of real things in place of the patterns of such."""
    execution = kernel.run(MAKE_THINGS.format(who=who))
    assert execution.error is None, execution.stderr
    made = json.loads(execution.stdout)
    text = yaml.safe_load((PACKAGE / "openapi.yaml").read_text(encoding="utf-8"))
    parameters = text["components"]["parameters"]
    parameters["FigureId"]["schema"] = {"enum": made["figures"]}
    parameters["LiveId"]["schema"] = {"enum": made["live"]}
    parameters["LiveName"]["schema"] = {"enum": ["animal"]}
    parameters["SessionId"]["schema"] = {"enum": [kernel.kernel_id]}
    parameters["Token"]["schema"] = {"enum": made["tokens"]}
    for path, item in text["paths"].items():
        for number, parameter in enumerate(item.get("parameters", ())):
            if path.startswith("/api/links/{id}") and parameter.get("name") == "id":
                parameter["schema"] = {"enum": made["links"]}
            elif "/dashboards/{id}" in path and parameter.get("$ref", "").endswith("/FigureId"):
                schema = {"enum": made["dashboards"]}
                item["parameters"][number] = {"name": "id", "in": "path", "required": True, "schema": schema}
    written = tmp_path / "openapi.json"
    written.write_text(json.dumps(text), encoding="utf-8")
    return written


def make_credentials(server: ServerProcess, who: str) -> list[str]:
    if who == "nobody":
        return []
    if who == "owner":
        return ["--header", f"Authorization: token {server.token}"]
    made = server.fetch("figserve/api/keys", method="POST", body={"scopes": [who]})
    return ["--header", f"X-API-Key: {made.json()['key']}"]


@pytest.mark.parametrize("who", ["nobody", "read", "publish", "render", "admin", "owner"])
def test_every_answer_is_documented(server: ServerProcess, document: Path, tmp_path: Path, who: str) -> None:
    """No status, type or shape that the document does not name, no status 500, no exception in the log, no secret."""
    require_package("schemathesis")
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(document)]
    command += ["--url", f"{server.url}figserve", "--checks", CHECKS, "--max-time", str(SECONDS), "--no-color"]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--exclude-path-regex", LEFT_OUT]
    command += ["--continue-on-failure", "--request-timeout", "30", "--report", "ndjson", "--report-dir", str(tmp_path)]
    done = subprocess.run(
        [*command, *make_credentials(server, who)], cwd=tmp_path, capture_output=True, text=True, timeout=3 * SECONDS
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    # Answers such as 503 and 504 are documented, and so is 500, which must not happen.
    assert "access method=" in server.log
    assert " status=500 " not in server.log
    assert "Traceback" not in server.log
    if who == "nobody":
        seen = "".join(report.read_text() for report in tmp_path.glob("*.ndjson"))
        assert seen
        for private in (server.token, str(server.data_dir), str(server.root), "site-packages"):
            assert private not in seen
