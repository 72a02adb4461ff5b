"""Checks a running cluster through nginx and at each server. For `make cluster`."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from cluster import Cluster
from processes import START_SECONDS, ClusterError

from jupyter_figserve.demo.server_process import Response, fetch

PUBLISH = """
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import jupyter_figserve as figserve

fig, ax = plt.subplots()
ax.plot([1, 3, 2])
print(figserve.publish(fig, "sales", title="Sales", collection="cluster").share(expires="1d").url)
"""
RENDER = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\n"


def check(cluster: Cluster) -> str:
    """Publish, share and render through nginx, check both servers, and return a link.

    Raises
    ------
    ClusterError
        When an answer is wrong.
    """

    def expect(what: str, answer: Response, status: int, start: bytes = b"") -> Response:
        if answer.status != status or not answer.body.startswith(start):
            raise ClusterError(f"{what}: {answer.status} instead of {status}. {answer.text[:300]}")
        print(f"  {what}", flush=True)
        return answer

    api, login = f"{cluster.url}/figserve/api", {"Authorization": f"token {cluster.token}"}
    body = {"scopes": ["read", "publish", "render", "admin"], "label": "make cluster"}
    key = expect("a key is made", fetch(f"{api}/keys", method="POST", body=body, headers=login), 201).json()["key"]
    variables = {**os.environ, "FIGSERVE_URL": f"{cluster.url}/figserve", "FIGSERVE_API_KEY": key}
    done = subprocess.run([sys.executable, "-c", PUBLISH], env=variables, capture_output=True, text=True)
    if done.returncode != 0:
        raise ClusterError(f"publish and share failed:\n{done.stderr}")
    link = done.stdout.split()[-1]
    path = link.removeprefix(cluster.url)
    expect("the link opens for a visitor", fetch(link, headers={"Accept": "text/html"}), 200, b"<!doctype html>")
    image = expect("its image is there", fetch(f"{link}.png"), 200, b"\x89PNG").body
    for name in ("figserve-1", "figserve-2"):
        own = fetch(f"http://{cluster.address(name)}{path}.png")
        expect(f"and the same on {name}", own, 200, image)
    headers = {"X-API-Key": key}
    for name in ("worker-1", "worker-2"):
        rendered = render(api, headers, f"{RENDER}# {name}")
        expect("code is rendered by a worker", rendered, 200, b"\x89PNG")
    found = fetch(f"{api}/links/find", method="POST", body={"url": link}, headers=headers).json()
    second = fetch(f"{api}/figures/{found['figure']}/links", method="POST", body={}, headers=headers).json()
    revoke = fetch(f"{api}/links/{second['id']}", method="DELETE", headers=headers)
    expect("a second link is revoked", revoke, 204)
    for name in ("figserve-1", "figserve-2"):
        gone = fetch(f"http://{cluster.address(name)}{second['url'].removeprefix(cluster.url)}")
        expect(f"and gone on {name}", gone, 404)
        metrics = fetch(f"http://{cluster.address(name)}/figserve/metrics", headers=headers)
        expect(f"metrics of {name} are there", metrics, 200, b"# HELP figserve_")
    return link


def render(api: str, headers: dict[str, str], code: str) -> Response:
    """Render code; on a machine with little time, workers may first have to start and to check what was published."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        rendered = fetch(f"{api}/renders", method="POST", body={"code": code}, headers=headers)
        if rendered.status != 503 or time.monotonic() > deadline:
            return rendered
        time.sleep(float(rendered.headers.get("Retry-After", "1")))
