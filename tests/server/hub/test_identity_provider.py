"""The state of an unfinished OAuth login, which another server or a restarted one completes."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_figserve.server.hub.service_config import make_service_config
from tests.conftest import require_package


@pytest.fixture
def make_oauth(monkeypatch, environment):
    require_package("jupyterhub")

    def make(secret: str | None) -> Any:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("FIGSERVE_SIGNING_SECRET", raising=False)
        if secret is not None:
            monkeypatch.setenv("FIGSERVE_SIGNING_SECRET", secret)
        return make_service_config()["ServerApp"]["identity_provider_class"]().hub_auth

    return make


def test_another_server_completes_a_login(make_oauth):
    """With the same secret, or after it was rotated; the state shows neither the address nor the verifier."""
    state = make_oauth("a" * 32).generate_state("/services/figserve/f/x?y=1", code_verifier="secret")
    for secret in ("a" * 32, "b" * 32 + "," + "a" * 32):
        other = make_oauth(secret)
        assert other.get_next_url(state) == "/services/figserve/f/x?y=1"
        assert other.get_code_verifier(state) == "secret"
    assert "secret" not in state
    assert "figserve" not in state


def test_state_of_others_is_none(make_oauth):
    """A state that was made with another secret, changed, or expired leads to the first page."""
    oauth = make_oauth("a" * 32)
    state = oauth.generate_state("/services/figserve/f/x", code_verifier="secret")
    assert make_oauth("b" * 32).get_next_url(state) == oauth.base_url
    assert make_oauth(None).get_code_verifier(state) is None
    for wrong in ("", "x", state[:-4] + "AAA=", "\u00e9"):
        assert oauth.get_next_url(wrong) == oauth.base_url
    oauth.oauth_state_max_age = -1
    assert oauth.get_next_url(state) == oauth.base_url


def test_long_addresses_fit_into_a_cookie(make_oauth):
    """The page is opened without its query, rather than that nobody can log in there."""
    oauth = make_oauth("a" * 32)
    state = oauth.generate_state("/services/figserve/f/x?" + "y" * 5_000, code_verifier="v" * 128)
    assert len(state) < 2_500
    assert oauth.get_next_url(state) == "/services/figserve/f/x"
