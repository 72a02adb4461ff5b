"""The settings of the renderer: which one they make, and what is wrong with them."""

from __future__ import annotations

import pytest
from traitlets import TraitError
from traitlets.config import Config

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.sandbox.host.pool import LocalRenderer
from jupyter_figserve.sandbox.remote.dask_renderer import DaskRenderer
from jupyter_figserve.sandbox.remote.http_renderer import HttpRenderer
from jupyter_figserve.server.config.renderer import RendererConfig


def make(**traits: object) -> RendererConfig:
    return RendererConfig(config=Config({"RendererConfig": traits}))


@pytest.mark.parametrize(
    ("name", "url", "kind"),
    [
        ("local", "", LocalRenderer),
        ("http", "http://127.0.0.1:8750", HttpRenderer),
        ("http", "https://workers.example.org/figserve/", HttpRenderer),
        ("dask", "tcp://127.0.0.1:8786", DaskRenderer),
        ("dask", "tls://scheduler:8786", DaskRenderer),
    ],
)
async def test_the_renderer_of_the_settings(name: str, url: str, kind: type):
    """It starts nothing yet; what is rendered elsewhere has no slots before the first answer."""
    config = make(renderer=name, renderer_url=url)
    renderer = config.make_renderer()
    assert isinstance(renderer, kind)
    assert (renderer.status.tier, renderer.status.name) == ("none", name)
    await renderer.close()


@pytest.mark.parametrize(
    ("name", "url"),
    [
        *(("http", url) for url in ("", "127.0.0.1:8750", "tcp://127.0.0.1:1", "http://a:b@c/", "http://x/?key=1")),
        *(("dask", url) for url in ("", "http://127.0.0.1:8786", "tcp://127.0.0.1", "inproc://1", "tcp://a@b:1")),
    ],
)
def test_addresses_that_cannot_be_right(name: str, url: str):
    """The server does not start, and the message has an example."""
    with pytest.raises(InvalidInput, match=r"FigServe\.renderer_url to one such as"):
        make(renderer=name, renderer_url=url).make_renderer()


def test_files_that_cannot_be_read(tmp_path):
    """They are named when the setting is read; a directory is none."""
    for name in ("renderer_key_file", "renderer_ca_file"):
        for path in (tmp_path / "missing", tmp_path):
            with pytest.raises(TraitError, match="not a readable file"):
                make(**{name: str(path)})


def test_the_key(tmp_path, monkeypatch):
    """From the file, else from the environment; several while one replaces another; not one that may be guessed."""
    monkeypatch.setenv("FIGSERVE_WORKER_KEY", "a" * 32 + "," + "b" * 32)
    assert make().read_worker_keys() == ("a" * 32, "b" * 32)
    file = tmp_path / "key"
    file.write_text("c" * 40 + "\n")
    file.chmod(0o644)
    with pytest.raises(InvalidInput, match="chmod 600"):
        make(renderer_key_file=str(file)).read_worker_keys()
    file.chmod(0o600)
    assert make(renderer_key_file=str(file)).read_worker_keys() == ("c" * 40,)
    file.write_text("")
    with pytest.raises(InvalidInput, match="has no worker key"):
        make(renderer_key_file=str(file)).read_worker_keys()
    monkeypatch.setenv("FIGSERVE_WORKER_KEY", "guess")
    with pytest.raises(InvalidInput, match="openssl rand"):
        make().read_worker_keys()
