"""The environment of a JupyterHub's service."""

from __future__ import annotations

import pytest


@pytest.fixture
def environment() -> dict[str, str]:
    return {
        "JUPYTERHUB_SERVICE_NAME": "figserve",
        "JUPYTERHUB_SERVICE_PREFIX": "/services/figserve/",
        "JUPYTERHUB_API_TOKEN": "t",
        "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api",
        "JUPYTERHUB_CLIENT_ID": "service-figserve",
    }
