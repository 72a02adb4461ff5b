"""Fixtures of the JupyterHub tests: a Hub with the service, and one without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import require_package, require_program

from .hub_process import HubProcess, running_hub, service_configuration


@pytest.fixture(scope="package")
def proxy_program() -> str:
    """Return the path of configurable-http-proxy, where JupyterHub is installed too."""
    require_package("jupyterhub")
    return require_program("configurable-http-proxy")


@pytest.fixture(scope="module")
def plain_hub(tmp_path_factory, proxy_program) -> Iterator[HubProcess]:
    """A Hub without the service: the extension runs in each user's server."""
    with running_hub(tmp_path_factory.mktemp("hub"), proxy_program) as hub:
        yield hub


@pytest.fixture(scope="package")
def service_hub(tmp_path_factory, proxy_program) -> Iterator[HubProcess]:
    """A Hub with the service, configured as deploy/jupyterhub does it, for the modules of one process.

    Users may share with people outside the Hub, too.
    """
    home = tmp_path_factory.mktemp("hub")
    with running_hub(home, proxy_program, service_configuration(home, max_audience="link")) as hub:
        yield hub
