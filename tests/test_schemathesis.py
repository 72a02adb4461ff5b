"""Requests that Schemathesis derives from the OpenAPI document, sent to a real server as everybody there is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_figserve.demo.server_process import ServerProcess

from .conftest import require_package

pytestmark = pytest.mark.nightly
PACKAGE = Path(__file__).parents[1] / "jupyter_figserve"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
LEFT_OUT = "events|agent|openapi.yaml|oembed|render-matplotlib"
"""Streams; what Schemathesis parses; and where 501 (oEmbed) and 500 (the original API) are documented answers."""
SECONDS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    rates = [f"--FigServe.{name}=" for name in ("rate_limit", "failed_secret_rate", "live_link_rate")]
    server = ServerProcess(tmp_path_factory.mktemp("schemathesis"), rates)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def make_credentials(server: ServerProcess, who: str) -> list[str]:
    if who == "nobody":
        return []
    if who == "owner":
        return ["--header", f"Authorization: token {server.token}"]
    made = server.fetch("figserve/api/keys", method="POST", body={"scopes": [who]})
    return ["--header", f"X-API-Key: {made.json()['key']}"]


@pytest.mark.parametrize("who", ["nobody", "read", "publish", "render", "admin", "owner"])
def test_every_answer_is_documented(server: ServerProcess, tmp_path: Path, who: str) -> None:
    """No status, type or shape that the document does not name, no status 500, no exception in the log, no secret."""
    require_package("schemathesis")
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(PACKAGE / "openapi.yaml")]
    command += ["--url", f"{server.url}figserve", "--checks", CHECKS, "--max-time", str(SECONDS), "--no-color"]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--exclude-path-regex", LEFT_OUT]
    command += ["--continue-on-failure", "--request-timeout", "30", "--report", "ndjson", "--report-dir", str(tmp_path)]
    done = subprocess.run(
        [*command, *make_credentials(server, who)], cwd=tmp_path, capture_output=True, text=True, timeout=3 * SECONDS
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    assert "Traceback" not in server.log
    if who == "nobody":
        assert server.token not in "".join(report.read_text() for report in tmp_path.glob("*.ndjson"))
