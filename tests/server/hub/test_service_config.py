"""The settings of a JupyterHub's service follow from its environment."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import FigServeError
from jupyter_figserve.server.hub.service_config import make_service_config
from tests.conftest import require_package


@pytest.mark.parametrize(
    ("url", "listens"),
    [
        ("http://127.0.0.1:8690", {"ip": "127.0.0.1", "port": 8690}),
        ("http://localhost:8690/", {"ip": "127.0.0.1", "port": 8690}),
        ("http://figserve:8690", {"ip": "0.0.0.0", "port": 8690}),
        ("http://[::1]:8690", {"ip": "::1", "port": 8690}),
        ("", {}),
    ],
)
def test_service_listens_where_the_hub_says(environment, url, listens):
    """A name that is no address is that of a pod or a container."""
    require_package("jupyterhub")
    server = make_service_config(environment | {"JUPYTERHUB_SERVICE_URL": url})["ServerApp"]
    assert {name: server[name] for name in ("ip", "port") if name in server} == listens
    assert server["base_url"] == "/services/figserve/"


def test_incomplete_environment_is_one_sentence(environment):
    """It names the variable."""
    for name in environment.keys() - {"JUPYTERHUB_SERVICE_NAME"}:
        with pytest.raises(FigServeError, match=name):
            make_service_config(environment | {name: ""})
    for text in ("{", "[1]", "eyJ"):
        with pytest.raises(FigServeError, match="FIGSERVE_SETTINGS"):
            make_service_config(environment | {"FIGSERVE_SETTINGS": text})
