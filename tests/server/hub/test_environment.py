"""What the environment says of a server that a JupyterHub started."""

from __future__ import annotations

from jupyter_figserve.server.hub.environment import find_public_url


def test_public_url_is_the_hubs():
    """Of the server that the Hub started, not of one that was started inside it."""
    environment = {
        "JUPYTERHUB_SERVICE_PREFIX": "/user/ann/",
        "JUPYTERHUB_PUBLIC_URL": "https://hub.example.edu/user/ann/",
    }
    assert find_public_url("/user/ann/", environment) == "https://hub.example.edu/user/ann"
    assert find_public_url("/", environment) == ""
    assert find_public_url("/", {}) == ""
