"""`jupyter figserve demo`: a Jupyter server, a figure published by its kernel, and its link opened without a login."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from .kernel_session import KernelSession, RunnerError, run_notebook
from .server_process import ServerProcess, fetch

NOTEBOOK = "00_quickstart.ipynb"
_SHARE_LINK = re.compile(r"https?://[^\s\"'<>()\[\]\\]+/f/[A-Za-z0-9_-]{32}")


@dataclass(frozen=True)
class Pages:
    """The pages of the demo, as absolute URLs."""

    notebook: str
    gallery: str
    figure: str
    share: str
    image: str


def run(*, port: int | None = None, serve_on: bool = True) -> int:
    """Run the demo, until Ctrl-C with ``serve_on``; return 0, or 1 if a step fails.

    Parameters
    ----------
    port
        Port of the Jupyter server; None picks a free one.
    """
    arguments = [] if port is None else [f"--ServerApp.port={port}"]
    try:
        with _interrupted_by_signals(), tempfile.TemporaryDirectory(prefix="figserve-demo-") as home:
            return _show(ServerProcess(Path(home).resolve(), arguments), serve_on)
    except KeyboardInterrupt:
        print("\nThe demo has ended, and its files were removed.")
        return 0
    except RunnerError as error:
        print(f"The demo failed. {error}", file=sys.stderr)
        return 1


def find_notebook() -> Path | None:
    """Find the quick-start notebook: in the installed package, or next to it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    places = (package / "notebooks" / NOTEBOOK, package.parent / "notebooks" / NOTEBOOK)
    return next((place for place in places if place.is_file()), None)


def find_share_link(outputs: list[dict[str, Any]]) -> str | None:
    """Find the first share link in a notebook's outputs."""
    return next((match[0] for output in outputs if (match := _SHARE_LINK.search(_text(output)))), None)


def _show(server: ServerProcess, serve_on: bool) -> int:
    source = find_notebook()
    if source is None:
        raise RunnerError(f"{NOTEBOOK} is missing from this installation.")
    if find_spec("ipykernel") is None:
        raise RunnerError('The demo needs a Python kernel: pip install "jupyter_figserve[demo]"')
    print("Starting a Jupyter server ...", flush=True)
    try:
        server.start()
        notebook = Path(shutil.copy(source, server.root / NOTEBOOK))
        print(f"Running {NOTEBOOK} in one of its kernels ...", flush=True)
        with server.kernel(NOTEBOOK) as kernel:
            pages = _run(server, kernel, notebook)
            problems = check(pages)
            print(_report(pages, problems), flush=True)
            if serve_on and not problems:
                print("\nServing until you press Ctrl-C.", flush=True)
                while not server.wait(3600):
                    pass
                raise RunnerError(f"The Jupyter server exited:\n{server.log[-2000:]}")
            return 1 if problems else 0
    finally:
        server.stop()


def _run(server: ServerProcess, kernel: KernelSession, notebook: Path) -> Pages:
    """Run the notebook, and find the URLs of its figure and link."""
    error, outputs = run_notebook(kernel, notebook)
    if error is not None:
        raise RunnerError(f"The notebook failed in {error}")
    records = server.fetch("figserve/api/figures").json().get("figures", [])
    if not records:
        raise RunnerError(f"The notebook published no figure. The end of the server's log:\n{server.log[-2000:]}")
    gallery = server.fetch("figserve/", headers={"Accept": "text/html"})
    if gallery.status != 200 or records[0]["id"] not in gallery.text:
        raise RunnerError(f"The gallery does not show the figure ({gallery.status}): {gallery.text[:500]}")
    share = find_share_link(outputs) or _make_link(server, records[0]["id"])
    shown = f"lab/tree/{NOTEBOOK}" if find_spec("jupyterlab") else f"files/{NOTEBOOK}"
    return Pages(
        notebook=f"{server.url}{shown}?token={server.token}",
        gallery=f"{server.url}figserve/",
        figure=urljoin(server.url, records[0]["url"]),
        share=share,
        image=f"{share}.png",
    )


def _make_link(server: ServerProcess, figure: str) -> str:
    response = server.fetch(f"figserve/api/figures/{figure}/links", method="POST", body={"expires": "1d"})
    if response.status != 201:
        raise RunnerError(f"Making a link failed ({response.status}): {response.text[:500]}")
    return urljoin(server.url, str(response.json()["url"]))


def check(pages: Pages) -> list[str]:
    """Open the link's page and image without a login; return the problems."""
    problems = []
    for url, mimetype in ((pages.share, "text/html"), (pages.image, "image/png")):
        try:
            response = fetch(url)
        except OSError as error:
            problems.append(f"{url}: {error}")
            continue
        if (response.status, response.mimetype) != (200, mimetype) or not response.body:
            problems.append(f"{url}: {response.status} {response.mimetype}, expected 200 {mimetype}")
    return problems


def _report(pages: Pages, problems: list[str]) -> str:
    if problems:
        return "\n".join(["Some pages do not respond as expected:", *problems])
    return "\n".join(
        (
            "",
            "A kernel has published a figure. This link shows it without a login (on this machine only):",
            f"  {pages.share}",
            "",
            f"  the notebook       {pages.notebook}",
            f"  all figures        {pages.gallery}  (open the notebook first: it logs you in)",
            f"  the figure's page  {pages.figure}",
            f"  without a browser  curl -o figure.png {pages.image}",
        )
    )


def _text(output: dict[str, Any]) -> str:
    parts = [output.get("text", ""), *output.get("data", {}).values()]
    return "\n".join(part for part in parts if isinstance(part, str))


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP as Ctrl-C, so that no process is left running."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    kinds = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {kind: signal.signal(kind, interrupt) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
