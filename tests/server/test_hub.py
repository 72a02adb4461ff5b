"""The users of a JupyterHub, without a Hub; tests/hub has a real one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from jupyter_figserve.model.keys import SCOPES
from jupyter_figserve.server.hub import make_logins


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
