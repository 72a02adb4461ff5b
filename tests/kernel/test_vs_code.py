"""The README's chapter on VS Code: its cells in a kernel that no Jupyter server has started."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from jupyter_figserve.demo.server_process import fetch

pytestmark = pytest.mark.kernel
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CELLS = re.findall(r"^```py\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Run a cell as VS Code does, which allows input; returns what it printed and displayed, or the error."""
    from jupyter_client.manager import start_new_kernel

    for name in ("DATA", "RUNTIME", "CONFIG"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.delenv("FIGSERVE_OFFLINE", raising=False)
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))

    def run(code: str) -> tuple[str, list[dict]]:
        printed, shown = [], []

        def keep(message: dict) -> None:
            content = message["content"]
            printed.append(content.get("text", ""))
            shown.append(content.get("data", {}))

        reply = client.execute_interactive(code, allow_stdin=True, timeout=90, output_hook=keep)["content"]
        assert reply["status"] == "ok", reply
        return "".join(printed), shown

    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=False)


def test_the_chapter_runs(kernel):
    """The figure is shown with its link, and the gallery opens signed in; running the cell again changes nothing."""
    first, second = CELLS
    _, shown = kernel(first)
    assert any("<img" in data.get("text/html", "") and "Copy page address" in data["text/html"] for data in shown)
    printed, _ = kernel(second)
    link, gallery = printed.splitlines()
    assert fetch(f"{link}.png").mimetype == "image/png"
    assert gallery.partition("token=")[2]
    entered = fetch(gallery, headers={"Accept": "text/html"})
    # The browser is redirected to the same page without the token, with a login's cookie.
    cookies = "; ".join(cookie.partition(";")[0] for cookie in entered.headers.get_all("Set-Cookie"))
    address = urljoin(gallery, entered.headers["Location"])
    assert address.rstrip("/") == gallery.partition("?")[0].rstrip("/")
    assert "rise" in fetch(address, headers={"Accept": "text/html", "Cookie": cookies}).text
    kernel(first)
    assert kernel("print(pub.version, len(pub.versions()), figserve.serve() is server)")[0] == "1 1 True\n"
    kernel("plt.plot([9, 9])\npub = figserve.publish(name='rise', collection='analysis')")
    assert kernel("print(pub.version)\n%load_ext jupyter_figserve\n%figserve status")[0].startswith("2\nServer")
