"""The users of a JupyterHub, without a Hub; tests/hub has a real one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_figserve.errors import FigServeError, Forbidden
from jupyter_figserve.hub import PUBLISH_SCOPE, READ_SCOPE
from jupyter_figserve.model.keys import SCOPES
from jupyter_figserve.server.hub import find_public_url, make_logins, make_service_config
from tests.conftest import require_package


def hub_user(name: str, **fields) -> SimpleNamespace:
    """Return a user as JupyterHub's identity provider does."""
    return SimpleNamespace(hub_user={"name": name, "kind": "user", "groups": ["lab"], **fields})


class TestUserServer:
    @pytest.fixture
    def logins(self):
        return make_logins("ann@example.org", {"JUPYTERHUB_USER": "ann"})

    def test_its_user_is_the_owner(self, logins):
        """With every scope, and the groups that the Hub knows."""
        found = logins.identify(hub_user("ann"))
        assert (found.owner, found.scopes, found.groups) == ("ann@example.org", frozenset(SCOPES), {"lab"})
        assert not found.is_guest

    @pytest.mark.parametrize("user", [hub_user("bob"), hub_user("bob", admin=True), hub_user("ann", kind="service")])
    def test_others_only_look(self, logins, user):
        """Whoever has been given access by a share, an administrator, and a service of the same name as the user."""
        found = logins.identify(user)
        assert (found.owner, found.scopes, found.is_guest) == ("ann@example.org", {"read"}, True)
        assert found.person in ("bob", "service ann")

    def test_the_servers_token_is_the_owners(self, logins):
        """Where Jupyter's own token is used, there is no user of the Hub."""
        assert logins.identify(SimpleNamespace(username="token")).scopes == frozenset(SCOPES)


def test_elsewhere_every_login_is_the_owners():
    """Without a Hub, a server has one owner."""
    assert make_logins("local", {}).identify(SimpleNamespace(username="x")).owner == "local"


class TestService:
    @pytest.fixture
    def logins(self):
        return make_logins("unused", {"JUPYTERHUB_SERVICE_NAME": "figserve", "JUPYTERHUB_USER": "root"})

    @pytest.mark.parametrize(
        ("given", "scopes"),
        [
            ([PUBLISH_SCOPE, READ_SCOPE], {"read", "publish", "render"}),
            ([PUBLISH_SCOPE], {"read", "publish", "render"}),
            ([f"{PUBLISH_SCOPE}!user=ann"], {"read", "publish", "render"}),
            ([READ_SCOPE], {"read"}),
        ],
    )
    def test_scopes_of_the_hub_decide(self, logins, given, scopes):
        """Everybody owns what is theirs."""
        found = logins.identify(hub_user("ann", scopes=given))
        assert (found.owner, found.person, found.groups, found.scopes) == ("ann", "ann", {"lab"}, scopes)

    @pytest.mark.parametrize("given", [[], ["access:services"], [f"{PUBLISH_SCOPE}!user=bob"], ["custom:figserve"]])
    def test_missing_scope_is_named_with_the_line(self, logins, given):
        """For a token, that of the servers' tokens; for a login, that of the users and of the service."""
        with pytest.raises(Forbidden, match=r"no scope custom:figserve:publish.*Spawner\.server_token_scopes"):
            logins.identify(hub_user("ann", scopes=given), by_token=True)
        with pytest.raises(Forbidden, match=r"extra_user_scopes.*oauth_client_allowed_scopes"):
            logins.identify(hub_user("ann", scopes=given))

    def test_administrators(self, logins):
        """By login, or by a token with all their rights; not by the token of their server, which their kernels have."""
        admin = hub_user("root", admin=True, scopes=[PUBLISH_SCOPE])
        assert logins.identify(admin).is_admin
        assert not logins.identify(admin, by_token=True).is_admin
        assert logins.identify(
            hub_user("root", admin=True, scopes=[PUBLISH_SCOPE, "admin:users"]), by_token=True
        ).is_admin
        assert not logins.identify(hub_user("root", admin=True, scopes=[READ_SCOPE])).is_admin
        assert not logins.identify(hub_user("ann", admin=False, scopes=[PUBLISH_SCOPE, "admin:users"])).is_admin


ENVIRONMENT = {
    "JUPYTERHUB_SERVICE_NAME": "figserve",
    "JUPYTERHUB_SERVICE_PREFIX": "/services/figserve/",
    "JUPYTERHUB_API_TOKEN": "t",
    "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api",
    "JUPYTERHUB_CLIENT_ID": "service-figserve",
}


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
def test_service_listens_where_the_hub_says(url, listens):
    """A name that is no address is that of a pod or a container."""
    require_package("jupyterhub")
    server = make_service_config(ENVIRONMENT | {"JUPYTERHUB_SERVICE_URL": url})["ServerApp"]
    assert {name: server[name] for name in ("ip", "port") if name in server} == listens
    assert server["base_url"] == "/services/figserve/"


def test_incomplete_environment_is_one_sentence():
    """It names the variable."""
    for name in ENVIRONMENT.keys() - {"JUPYTERHUB_SERVICE_NAME"}:
        with pytest.raises(FigServeError, match=name):
            make_service_config(ENVIRONMENT | {name: ""})
    for text in ("{", "[1]", "eyJ"):
        with pytest.raises(FigServeError, match="FIGSERVE_SETTINGS"):
            make_service_config(ENVIRONMENT | {"FIGSERVE_SETTINGS": text})


def test_public_url_is_the_hubs():
    """Of the server that the Hub started, not of one that was started inside it."""
    environment = {
        "JUPYTERHUB_SERVICE_PREFIX": "/user/ann/",
        "JUPYTERHUB_PUBLIC_URL": "https://hub.example.edu/user/ann/",
    }
    assert find_public_url("/user/ann/", environment) == "https://hub.example.edu/user/ann"
    assert find_public_url("/", environment) == ""
    assert find_public_url("/", {}) == ""


class TestLoginUnderWay:
    """The state of an OAuth login, which another server or a restarted one completes."""

    @pytest.fixture
    def make_oauth(self, monkeypatch):
        require_package("jupyterhub")

        def make(secret: str | None) -> Any:
            for name, value in ENVIRONMENT.items():
                monkeypatch.setenv(name, value)
            monkeypatch.delenv("FIGSERVE_SIGNING_SECRET", raising=False)
            if secret is not None:
                monkeypatch.setenv("FIGSERVE_SIGNING_SECRET", secret)
            return make_service_config()["ServerApp"]["identity_provider_class"]().hub_auth

        return make

    def test_another_server_completes_it(self, make_oauth):
        """With the same secret, or after it was rotated; the state shows neither the address nor the verifier."""
        state = make_oauth("a" * 32).generate_state("/services/figserve/f/x?y=1", code_verifier="secret")
        for secret in ("a" * 32, "b" * 32 + "," + "a" * 32):
            other = make_oauth(secret)
            assert other.get_next_url(state) == "/services/figserve/f/x?y=1"
            assert other.get_code_verifier(state) == "secret"
        assert "secret" not in state
        assert "figserve" not in state

    def test_state_of_others_is_none(self, make_oauth):
        """A state that was made with another secret, changed, or expired leads to the first page."""
        oauth = make_oauth("a" * 32)
        state = oauth.generate_state("/services/figserve/f/x", code_verifier="secret")
        assert make_oauth("b" * 32).get_next_url(state) == oauth.base_url
        assert make_oauth(None).get_code_verifier(state) is None
        for wrong in ("", "x", state[:-4] + "AAA=", "\u00e9"):
            assert oauth.get_next_url(wrong) == oauth.base_url
        oauth.oauth_state_max_age = -1
        assert oauth.get_next_url(state) == oauth.base_url

    def test_long_addresses_fit_into_a_cookie(self, make_oauth):
        """The page is opened without its query, rather than that nobody can log in there."""
        oauth = make_oauth("a" * 32)
        state = oauth.generate_state("/services/figserve/f/x?" + "y" * 5_000, code_verifier="v" * 128)
        assert len(state) < 2_500
        assert oauth.get_next_url(state) == "/services/figserve/f/x"
