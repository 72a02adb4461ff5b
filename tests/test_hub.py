"""The one call in a Hub's configuration."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import stat
from pathlib import Path

import pytest
import yaml
from traitlets.config import Config

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.hub import ACCESS_SCOPE, PUBLISH_SCOPE, READ_SCOPE, configure
from tests.conftest import require_package

OWN = [ACCESS_SCOPE, PUBLISH_SCOPE]
SERVER = ["users:activity!user", "access:servers!server"]


@pytest.fixture
def c(monkeypatch, tmp_path) -> Config:
    """The configuration of a Hub that runs in an empty directory."""
    require_package("jupyterhub")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROXY_PUBLIC_SERVICE_HOST", raising=False)
    return Config()


@pytest.fixture(params=[5, 6])
def major(request, monkeypatch) -> int:
    """JupyterHub's major version."""
    import jupyterhub

    monkeypatch.setattr(jupyterhub, "version_info", (request.param, 5, 1, "", ""))
    return request.param


def granted(c: Config, major: int) -> list[str]:
    """Return what all users may do, as JupyterHub reads it."""
    roles = [role for role in c.JupyterHub.get("load_roles", []) if role["name"] == "user" and "scopes" in role]
    if roles:
        assert len(roles) == 1
        return roles[0]["scopes"]
    assert major == 6
    return ["self", *sorted(c.JupyterHub.extra_user_scopes)]


def test_a_url_without_its_scheme_is_refused(c):
    """Before anything is changed."""
    with pytest.raises(InvalidInput, match=r'such as "http://127\.0\.0\.1:8690", not \'127\.0\.0\.1:8690\''):
        configure(c, url="127.0.0.1:8690")
    assert not c.JupyterHub


def test_an_empty_configuration_is_complete(c, major):
    """Scopes, roles, tokens of servers, the service, and the address of the service."""
    configure(c, user="figserve", keep_versions=3)
    assert set(c.JupyterHub.custom_scopes) == {READ_SCOPE, PUBLISH_SCOPE}
    assert set(granted(c, major)) == {"self", *OWN}
    assert c.Spawner.server_token_scopes == SERVER + OWN
    (role,) = [role for role in c.JupyterHub.load_roles if role["name"] == "figserve"]
    assert (role["services"], role["scopes"]) == (["figserve"], ["read:users", "list:groups"])
    assert c.Spawner.environment == {"FIGSERVE_SERVICE": "http://127.0.0.1:8000/services/figserve"}
    (service,) = c.JupyterHub.services
    assert (service["name"], service["url"], service["user"]) == ("figserve", "http://127.0.0.1:8690", "figserve")
    assert service["oauth_no_confirm"] is True
    assert PUBLISH_SCOPE in service["oauth_client_allowed_scopes"]
    assert service["command"][-1] == "serve"
    assert json.loads(service["environment"]["FIGSERVE_SETTINGS"]) == {"keep_versions": 3}


def test_what_is_there_stays(c, major):
    """Services, roles, scopes and environment are merged, also those that were only appended to; twice is once."""
    c.JupyterHub.services.append({"name": "cull", "command": ["cull"]})
    c.JupyterHub.load_roles = [
        {"name": "user", "scopes": ["self", "read:users:name"]},
        {"name": "cull", "scopes": ["list:users"], "services": ["cull"]},
    ]
    c.JupyterHub.custom_scopes = {"custom:other:read": {"description": "x"}}
    c.Spawner.environment.update({"A": "1"})
    c.Spawner.server_token_scopes = ["users:activity!user", "access:servers!server", "shares!user"]
    for _ in range(2):
        configure(c)
    assert [one["name"] for one in c.JupyterHub.services] == ["cull", "figserve"]
    assert granted(c, major) == ["self", "read:users:name", *OWN]
    assert [role["name"] for role in c.JupyterHub.load_roles] == ["user", "cull", "figserve"]
    assert set(c.JupyterHub.custom_scopes) == {"custom:other:read", READ_SCOPE, PUBLISH_SCOPE}
    assert set(c.Spawner.environment) == {"A", "FIGSERVE_SERVICE"}
    assert c.Spawner.server_token_scopes == [*SERVER, "shares!user", *OWN]


def test_a_service_that_is_there_is_completed(c):
    """As Zero to JupyterHub writes one, with a token; what the administrator wrote stays."""
    c.JupyterHub.services = [{"name": "figserve", "url": "http://figserve:8690", "api_token": "t" * 32}]
    configure(c, managed=False)
    (service,) = c.JupyterHub.services
    assert (service["url"], service["api_token"]) == ("http://figserve:8690", "t" * 32)
    assert "command" not in service
    assert service["oauth_no_confirm"] is True


def test_scopes_by_a_function_are_extended(c):
    """A function of the spawner, also an asynchronous one, still decides; a server role does too."""

    async def later(spawner):
        return ["a"]

    for known in (lambda spawner: ["a"], later):
        c.Spawner.server_token_scopes = known
        configure(c)
        assert asyncio.run(c.Spawner.server_token_scopes(None)) == ["a", *OWN]
    other = Config()
    other.JupyterHub.load_roles = [{"name": "server", "scopes": ["inherit"]}]
    configure(other)
    assert other.Spawner.server_token_scopes == ["inherit", *OWN]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"bind_url": "http://:8001/jupyter/"}, "http://127.0.0.1:8001/jupyter/services/figserve"),
        ({"port": 9000, "base_url": "/hub1"}, "http://127.0.0.1:9000/hub1/services/figserve"),
        ({"public_url": "https://hub.example.edu/"}, "http://127.0.0.1:8000/services/figserve"),
        (
            {"public_url": "https://hub.example.edu/", "spawner_class": "dockerspawner.DockerSpawner"},
            "https://hub.example.edu/services/figserve",
        ),
        (
            {"public_url": "https://hub.example.edu/", "ssl_cert": "/a.pem", "spawner_class": "simple"},
            "https://hub.example.edu/services/figserve",
        ),
    ],
)
def test_servers_reach_the_service_through_the_proxy(c, settings, url):
    """At the local proxy where servers run beside it, else at the public address; one that is set stays."""
    for name, value in settings.items():
        setattr(c.JupyterHub, name, value)
    configure(c)
    assert c.Spawner.environment["FIGSERVE_SERVICE"] == url
    c.Spawner.environment = {"FIGSERVE_SERVICE": "http://proxy/services/figserve"}
    configure(c)
    assert c.Spawner.environment["FIGSERVE_SERVICE"] == "http://proxy/services/figserve"


def test_environment_of_an_external_service(c, tmp_path):
    """In a file that only the Hub's user can read, with a token that stays the same when the Hub starts again."""
    c.JupyterHub.public_url = "https://hub.example.edu/"
    c.JupyterHub.base_url = "/jupyter/"
    for _ in range(2):
        configure(c, "http://figserve:8690", managed=False, owner_quota={"figures": 5})
        c.JupyterHub.services = []
    file = tmp_path / "figserve.env"
    first = file.read_text()
    configure(c, "http://figserve:8690", managed=False, owner_quota={"figures": 5})
    assert file.read_text() == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = dict(line.split("=", 1) for line in first.splitlines())
    assert found["JUPYTERHUB_API_TOKEN"] == c.JupyterHub.services[0]["api_token"]
    assert found["JUPYTERHUB_SERVICE_PREFIX"] == "/jupyter/services/figserve/"
    assert found["JUPYTERHUB_API_URL"] == "http://127.0.0.1:8081/jupyter/hub/api"
    assert found["JUPYTERHUB_CLIENT_ID"] == "service-figserve"
    assert found["JUPYTERHUB_PUBLIC_URL"] == "https://hub.example.edu/jupyter/services/figserve/"
    settings = base64.urlsafe_b64decode(found["FIGSERVE_SETTINGS"] + "==")
    assert json.loads(settings) == {"owner_quota": {"figures": 5}}


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:8690/services/figserve"),
        (
            {"spawner_class": "dockerspawner.DockerSpawner"},
            "https://figserve--service.hub.example.edu:444/services/figserve",
        ),
        (
            {"spawner_class": "dockerspawner.DockerSpawner", "subdomain_hook": "legacy"},
            "https://services.hub.example.edu:444/services/figserve",
        ),
    ],
)
def test_domains_for_each_server(c, tmp_path, monkeypatch, settings, url):
    """Local servers reach the service directly, others by its own domain, which is also that of its links."""
    monkeypatch.chdir(tmp_path)
    c.JupyterHub.subdomain_host = "https://hub.example.edu:444"
    for name, value in settings.items():
        setattr(c.JupyterHub, name, value)
    configure(c, managed=False)
    assert c.Spawner.environment["FIGSERVE_SERVICE"] == url
    environment = (tmp_path / "figserve.env").read_text()
    host = "services" if "subdomain_hook" in settings else "figserve--service"
    assert f"JUPYTERHUB_PUBLIC_URL=https://{host}.hub.example.edu:444/services/figserve/" in environment
    assert "JUPYTERHUB_HOST=https://hub.example.edu:444" in environment


@pytest.mark.parametrize("major", [5], indirect=True)
def test_values_for_zero_to_jupyterhub(c, major):
    """They are what ``configure`` sets."""
    text = (Path(__file__).parent.parent / "deploy" / "jupyterhub" / "README.md").read_text(encoding="utf-8")
    (values,) = (yaml.safe_load(block)["hub"] for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))
    configure(c, "http://figserve:8690", managed=False)
    (service,) = c.JupyterHub.services
    assert values["services"]["figserve"].items() <= service.items()
    roles = {role["name"]: role["scopes"] for role in c.JupyterHub.load_roles}
    assert {name: set(role["scopes"]) for name, role in values["loadRoles"].items()} == {
        name: set(scopes) for name, scopes in roles.items()
    }
    assert set(values["config"]["Spawner"]["server_token_scopes"]) == set(c.Spawner.server_token_scopes)
