"""What a JupyterHub's administrator writes into ``jupyterhub_config.py`` for figserve. The Hub's process.

``configure(c)`` makes figserve a service of the Hub, for JupyterHub 5 and 6.
"""

from __future__ import annotations

import base64
import inspect
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import InvalidInput
from .model.environment_variables import SERVICE_VARIABLE, SETTINGS_VARIABLE

NAME = "figserve"
READ_SCOPE, PUBLISH_SCOPE = "custom:figserve:read", "custom:figserve:publish"
SERVICE_SCOPES = ["read:users", "list:groups"]
"""Scopes of the service itself, to check names when a link is shared and to notice a name given to another user."""
ACCESS_SCOPE = f"access:services!service={NAME}"
ENVIRONMENT_FILE = "figserve.env"
_SERVER_SCOPES = ["users:activity!user", "access:servers!server"]
"""Scopes of a user's server, where the administrator names none."""
_LOCAL_SPAWNERS = ("simple", "jupyterhub.spawner", "sudospawner", "systemd", "localprocess")


def configure(
    c: Any,
    url: str = "http://127.0.0.1:8690",
    *,
    managed: bool = True,
    user: str | None = None,
    api_token: str | None = None,
    **traits: Any,
) -> None:
    """Make figserve a service of this JupyterHub: links outlive their author's server, for the people they are for.

    Call it last in ``jupyterhub_config.py``. It adds to the scopes, roles, services and environment that are there.

    Parameters
    ----------
    c
        The configuration, from ``get_config()``.
    url
        Where the service listens, as the Hub's proxy reaches it.
    managed
        Whether the Hub starts the service. Otherwise its environment is written to ``figserve.env`` in the Hub's
        working directory, readable only by the Hub's user; start ``jupyter figserve serve`` with it.
    user
        The system user as whom the Hub starts the service; None for the Hub's own.
    api_token
        The token of a service that the Hub does not start; by default, the one of the existing file, or a new one.
    **traits
        Settings of ``FigServe`` for the service, such as ``data_dir="/srv/figserve"``.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise InvalidInput(
            f'url must say where the service listens, such as "http://127.0.0.1:8690", not {url!r:.100}.'
        )
    base_url = _find_base_url(c.JupyterHub)
    _grant_scopes(c)
    _grant_to_service(c.JupyterHub)
    service_url = f"{_find_service_origin(c, url)}{base_url}services/{NAME}"
    c.Spawner.environment = {SERVICE_VARIABLE: service_url} | _get(c.Spawner, "environment", {})
    if managed:
        _add_managed_service(c.JupyterHub, url, user, traits)
    else:
        _add_external_service(c.JupyterHub, url, base_url, api_token, traits)


def _grant_scopes(c: Any) -> None:
    """Let all users, and their servers, use the service."""
    import jupyterhub

    c.JupyterHub.custom_scopes = _custom_scopes() | _get(c.JupyterHub, "custom_scopes", {})
    _grant_to_users(c.JupyterHub, [ACCESS_SCOPE, PUBLISH_SCOPE], jupyterhub.version_info[0])
    c.Spawner.server_token_scopes = _extend_token_scopes(
        _get(c.Spawner, "server_token_scopes", None) or _role_scopes(c.JupyterHub, "server", _SERVER_SCOPES)
    )


def _add_managed_service(hub: Any, url: str, user: str | None, traits: dict[str, Any]) -> None:
    from traitlets.log import get_logger

    command = [sys.executable, "-m", "jupyter_figserve.cli", "serve"]
    entry = {"command": command, "environment": {SETTINGS_VARIABLE: json.dumps(traits)} if traits else {}}
    if user is not None:
        entry["user"] = user
    elif os.geteuid() == 0:
        get_logger().warning('figserve runs as root. Name a user for it: jupyter_figserve.hub.configure(c, user="...")')
    _add_service(hub, url, entry)


def _add_external_service(hub: Any, url: str, base_url: str, api_token: str | None, traits: dict[str, Any]) -> None:
    """Write the environment, with the token that is known already, so that the Hub's restarts do not change it."""
    from traitlets.log import get_logger

    path = Path(ENVIRONMENT_FILE).absolute()
    known: dict[str, Any] = next((one for one in _get(hub, "services", []) if one.get("name") == NAME), {})
    token = api_token or known.get("api_token") or _read_token(path) or secrets.token_hex(32)
    _add_service(hub, url, {"api_token": token})
    _write_environment(path, _make_environment(hub, url, base_url, token, traits))
    get_logger().info("The environment of the service figserve is in %s. Start `jupyter figserve serve` with it.", path)


def _custom_scopes() -> dict[str, Any]:
    return {
        READ_SCOPE: {"description": "View figures."},
        PUBLISH_SCOPE: {"description": "Publish and share figures.", "subscopes": [READ_SCOPE]},
    }


def _get(section: Any, name: str, default: Any) -> Any:
    """Return a configured value; of one that was only appended to, what it adds to the default."""
    if name not in section:
        return default
    value = section[name]
    return value.get_value(default) if hasattr(value, "get_value") else value


def _grant_to_users(hub: Any, scopes: list[str], major: int) -> None:
    """Give scopes to all users: JupyterHub 6 has a setting for it, unless the role is redefined, as in 5."""
    roles = [dict(role) for role in _get(hub, "load_roles", [])]
    role = next((one for one in roles if one.get("name") == "user" and "scopes" in one), None)
    if role is None and major >= 6:
        hub.extra_user_scopes = set(_get(hub, "extra_user_scopes", set())) | set(scopes)
        return
    if role is None:
        role = next((one for one in roles if one.get("name") == "user"), None)
        if role is None:
            role = {"name": "user"}
            roles.append(role)
        role["scopes"] = ["self"]
    role["scopes"] = _union(role["scopes"], scopes)
    hub.load_roles = roles


def _grant_to_service(hub: Any) -> None:
    """Let the service look up users and groups, by a role of its own."""
    roles = [dict(role) for role in _get(hub, "load_roles", [])]
    role = next((one for one in roles if one.get("name") == NAME), None)
    if role is None:
        role = {"name": NAME, "description": "Look up the names of users and groups."}
        roles.append(role)
    role["scopes"] = _union(role.get("scopes", []), SERVICE_SCOPES)
    role["services"] = _union(role.get("services", []), [NAME])
    hub.load_roles = roles


def _role_scopes(hub: Any, name: str, default: list[str]) -> list[str]:
    roles = _get(hub, "load_roles", [])
    return next((list(one["scopes"]) for one in roles if one.get("name") == name and "scopes" in one), default)


def _extend_token_scopes(known: list[str] | Callable[[Any], Any]) -> Any:
    own = [ACCESS_SCOPE, PUBLISH_SCOPE]
    if not callable(known):
        return _union(known, own)

    async def scopes(spawner: Any) -> list[str]:
        found = known(spawner)
        return _union(await found if inspect.isawaitable(found) else found, own)

    return scopes


def _add_service(hub: Any, url: str, more: dict[str, Any]) -> None:
    """Add the service, or complete the entry of its name: what the administrator wrote stays."""
    entry: dict[str, Any] = {
        "name": NAME,
        "url": url,
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": [READ_SCOPE, PUBLISH_SCOPE],
        **more,
    }
    services = [dict(one) for one in _get(hub, "services", [])]
    known = next((one for one in services if one.get("name") == NAME), None)
    if known is None:
        services.append(entry)
    else:
        environment = entry.get("environment", {}) | known.get("environment", {})
        allowed = _union(known.get("oauth_client_allowed_scopes", []), entry["oauth_client_allowed_scopes"])
        known.update(entry | known | {"oauth_client_allowed_scopes": allowed})
        if environment:
            known["environment"] = environment
    hub.services = services


def _union(known: Iterable[str], more: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*known, *more]))


def _find_base_url(hub: Any) -> str:
    path = urlsplit(str(_get(hub, "bind_url", ""))).path
    base = str(_get(hub, "base_url", "") or path).strip("/")
    return f"/{base}/" if base else "/"


def _find_service_origin(c: Any, url: str) -> str:
    """Return where the users' servers reach the service, without a path."""
    host = _find_service_host(c.JupyterHub)
    if host is None:
        return _find_proxy_url(c)
    # With a domain for each server, the proxy goes by names, which a local server need not be able to look up.
    return url.rstrip("/") if _is_local(c.JupyterHub) else host


def _find_service_host(hub: Any) -> str | None:
    """Return the public origin of the service where each server has a domain of its own; None elsewhere."""
    text = str(_get(hub, "subdomain_host", ""))
    if not text:
        return None
    from jupyterhub import utils

    parts = urlsplit(text if "://" in text else f"https://{text}")
    public = urlsplit(str(_get(hub, "public_url", "")))
    hook = _get(hub, "subdomain_hook", "idna")
    if not callable(hook):
        hook = utils.subdomain_hook_legacy if hook == "legacy" else utils.subdomain_hook_idna
    name = hook(NAME, public.hostname or parts.hostname, kind="service")
    return f"{parts.scheme}://{name}" + (f":{parts.port}" if parts.port else "")


def _is_local(hub: Any) -> bool:
    """Whether the users' servers run on the Hub's machine."""
    spawner = _get(hub, "spawner_class", "simple")
    name = spawner if isinstance(spawner, str) else f"{spawner.__module__}.{spawner.__name__}"
    return name.lower().startswith(_LOCAL_SPAWNERS) and not os.environ.get("PROXY_PUBLIC_SERVICE_HOST")


def _find_proxy_url(c: Any) -> str:
    """Return the address of the Hub's proxy for the users' servers, without a path."""
    public = str(_get(c.JupyterHub, "public_url", ""))
    if os.environ.get("PROXY_PUBLIC_SERVICE_HOST"):
        # Zero to JupyterHub; pods of users may reach the proxy's service, not the service of figserve.
        return "http://proxy-public"
    if public and not (_is_local(c.JupyterHub) and not _get(c.JupyterHub, "ssl_cert", "")):
        parts = urlsplit(public)
        return f"{parts.scheme}://{parts.netloc}"
    bound = urlsplit(str(_get(c.JupyterHub, "bind_url", "http://:8000")))
    scheme = "https" if _get(c.JupyterHub, "ssl_cert", "") else bound.scheme or "http"
    host = str(_get(c.JupyterHub, "ip", "") or bound.hostname or "")
    host = "127.0.0.1" if host in ("", "*", "0.0.0.0", "::") else host  # noqa: S104 - compared with, never bound
    port = _get(c.JupyterHub, "port", None) or bound.port or (443 if scheme == "https" else 8000)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _make_environment(hub: Any, url: str, base_url: str, token: str, traits: dict[str, Any]) -> dict[str, str]:
    """Return the environment that the Hub would give to the service if it started it."""
    connect_ip = str(_get(hub, "hub_connect_ip", "") or _get(hub, "hub_ip", "") or "127.0.0.1")
    bound = urlsplit(str(_get(hub, "hub_bind_url", "")))
    port = bound.port or _get(hub, "hub_port", 8081)
    host = "127.0.0.1" if connect_ip in ("", "*", "0.0.0.0", "::") else connect_ip  # noqa: S104 - as above
    connect = str(_get(hub, "hub_connect_url", "")).rstrip("/") or f"http://{host}:{port}"
    prefix = f"{base_url}services/{NAME}/"
    public = urlsplit(str(_get(hub, "public_url", "")))
    found = {
        "JUPYTERHUB_SERVICE_NAME": NAME,
        "JUPYTERHUB_SERVICE_URL": url,
        "JUPYTERHUB_SERVICE_PREFIX": prefix,
        "JUPYTERHUB_BASE_URL": base_url,
        "JUPYTERHUB_API_URL": f"{connect}{base_url}hub/api",
        "JUPYTERHUB_API_TOKEN": token,
        "JUPYTERHUB_CLIENT_ID": f"service-{NAME}",
    }
    own_host = _find_service_host(hub)
    if own_host is not None:
        found["JUPYTERHUB_HOST"] = str(_get(hub, "subdomain_host", "")).rstrip("/")
    if public.netloc or own_host is not None:
        found["JUPYTERHUB_PUBLIC_URL"] = f"{own_host or f'{public.scheme}://{public.netloc}'}{prefix}"
    if public.netloc:
        found["JUPYTERHUB_PUBLIC_HUB_URL"] = f"{public.scheme}://{public.netloc}{base_url}hub/"
    if traits:
        # Without quotes and braces, which shells, systemd and Docker read differently.
        found[SETTINGS_VARIABLE] = base64.urlsafe_b64encode(json.dumps(traits).encode()).decode().rstrip("=")
    return found


def _read_token(path: Path) -> str | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    values = dict(line.partition("=")[::2] for line in lines)
    return values.get("JUPYTERHUB_API_TOKEN") or None


def _write_environment(path: Path, environment: dict[str, str]) -> None:
    """Replace the file, which only the Hub's user can read."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in environment.items())
    os.replace(new, path)
