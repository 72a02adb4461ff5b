"""Fixtures of the JupyterHub tests: one Hub for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import require_package, require_program

from .hub_process import HubProcess


@pytest.fixture(scope="package")
def proxy_program() -> str:
    """Return the path of configurable-http-proxy, where JupyterHub is installed too."""
    require_package("jupyterhub")
    return require_program("configurable-http-proxy")


@pytest.fixture(scope="module")
def plain_hub(tmp_path_factory, proxy_program) -> Iterator[HubProcess]:
    """A Hub without the service: the extension runs in each user's server."""
    hub = HubProcess(tmp_path_factory.mktemp("hub"), proxy_program)
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()
