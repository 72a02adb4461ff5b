"""The users of a JupyterHub, without a Hub; tests/hub has a real one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from jupyter_figserve.errors import Forbidden
from jupyter_figserve.hub import PUBLISH_SCOPE, READ_SCOPE
from jupyter_figserve.model.keys import SCOPES
from jupyter_figserve.server.hub.logins import make_logins


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
