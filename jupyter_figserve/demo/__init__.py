"""`make demo`: a real Jupyter server, a figure that a real kernel of it draws, and its link opened by a stranger."""

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
    """What the demo has to show: absolute URLs."""

    notebook: str
    gallery: str
    figure: str
    share: str
    picture: str


def run(*, port: int | None = None, serve_on: bool = True) -> int:
    """Run the demo, until Ctrl-C with ``serve_on``; 0, or 1 when a step failed.

    Parameters
    ----------
    port
        Of the Jupyter server; a free one when not given.
    """
    arguments = [] if port is None else [f"--ServerApp.port={port}"]
    try:
        with _ended_by_signals(), tempfile.TemporaryDirectory(prefix="figserve-demo-") as home:
            return _show(ServerProcess(Path(home).resolve(), arguments), serve_on)
    except KeyboardInterrupt:
        print("\nThe demo is over; what it made is removed.")
        return 0
    except RunnerError as error:
        print(f"The demo failed. {error}", file=sys.stderr)
        return 1


def find_notebook() -> Path | None:
    """The quick-start notebook: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    places = (package / "notebooks" / NOTEBOOK, package.parent / "notebooks" / NOTEBOOK)
    return next((place for place in places if place.is_file()), None)


def find_share_link(outputs: list[dict[str, Any]]) -> str | None:
    """The first share link among a notebook's outputs."""
    return next((match[0] for output in outputs if (match := _SHARE_LINK.search(_text(output)))), None)


def _show(server: ServerProcess, serve_on: bool) -> int:
    source = find_notebook()
    if source is None:
        raise RunnerError(f"{NOTEBOOK} is missing from this installation.")
    if find_spec("ipykernel") is None:
        raise RunnerError('It needs a Python kernel: pip install "jupyter_figserve[demo]"')
    print("Starting a Jupyter server ...", flush=True)
    try:
        server.start()
        notebook = Path(shutil.copy(source, server.root / NOTEBOOK))
        print(f"Running {NOTEBOOK} in a kernel of it ...", flush=True)
        with server.kernel(NOTEBOOK) as kernel:
            pages = _run(server, kernel, notebook)
            faults = check(pages)
            print(_report(pages, faults), flush=True)
            if serve_on and not faults:
                print("\nServing until you press Ctrl-C.", flush=True)
                while not server.wait(3600):
                    pass
                raise RunnerError(f"The Jupyter server ended by itself:\n{server.log[-2000:]}")
            return 1 if faults else 0
    finally:
        server.stop()


def _run(server: ServerProcess, kernel: KernelSession, notebook: Path) -> Pages:
    """Run the notebook and find out where its figure and its link are."""
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
        picture=f"{share}.png",
    )


def _make_link(server: ServerProcess, figure: str) -> str:
    answer = server.fetch(f"figserve/api/figures/{figure}/links", method="POST", body={"expires": "1d"})
    if answer.status != 201:
        raise RunnerError(f"No link was made ({answer.status}): {answer.text[:500]}")
    return urljoin(server.url, str(answer.json()["url"]))


def check(pages: Pages) -> list[str]:
    """Open the link's page and picture as a stranger does, without any login; what is wrong with them."""
    faults = []
    for url, mimetype in ((pages.share, "text/html"), (pages.picture, "image/png")):
        try:
            answer = fetch(url)
        except OSError as error:
            faults.append(f"{url}: {error}")
            continue
        if (answer.status, answer.mimetype) != (200, mimetype) or not answer.body:
            faults.append(f"{url}: {answer.status} {answer.mimetype}, expected 200 {mimetype}")
    return faults


def _report(pages: Pages, faults: list[str]) -> str:
    if faults:
        return "\n".join(["Something does not answer as it should:", *faults])
    return "\n".join(
        (
            "",
            "A kernel drew a figure, and this link shows it without a login (here: to whoever is on this machine):",
            f"  {pages.share}",
            "",
            f"  the notebook       {pages.notebook}",
            f"  all figures        {pages.gallery}  (open the notebook first: it logs you in)",
            f"  the figure's page  {pages.figure}",
            f"  without a browser  curl -o figure.png {pages.picture}",
        )
    )


def _text(output: dict[str, Any]) -> str:
    parts = [output.get("text", ""), *output.get("data", {}).values()]
    return "\n".join(part for part in parts if isinstance(part, str))


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A terminal that closes and a service manager end the demo as Ctrl-C does, so nothing is left running."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    kinds = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {kind: signal.signal(kind, interrupt) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
