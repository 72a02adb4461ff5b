"""A real JupyterHub on loopback, with its proxy and servers of users, in its own processes and directories."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from jupyter_figserve.demo.kernel_session import KernelSession, RunnerError
from tests.conftest import WITHOUT_FRONT_ENDS
from tests.ports import free_port
from tests.waiting import wait_until

DEPLOYED = Path(__file__).parent.parent.parent / "deploy" / "jupyterhub" / "jupyterhub_config.py"
"""What administrators add to their configuration."""
GROUPS = {"lab": ["alice", "bob"], "guests": ["carol"]}
"""Members of the Hub's groups. `admin` may do everything."""
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Accept": "text/html"}
IMAGE = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image", "Accept": "image/*"}
STREAM = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "Accept": "text/event-stream"}
_CONFIG = """\
import os, sys
c = get_config()
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.public_url = {public_url!r}
c.JupyterHub.subdomain_host = {subdomain_host!r}
c.JupyterHub.allow_named_servers = True
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.JupyterHub.db_url = "sqlite:///{home}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{home}/cookie_secret"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.pid_file = "{home}/proxy.pid"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"admin"}}
c.JupyterHub.load_groups = {groups!r}
c.JupyterHub.load_roles = [{{"name": "tests", "services": ["tests"],
    "scopes": ["admin:users", "admin:groups", "admin:servers", "tokens", "access:servers", "shares", "proxy"]}}]
c.JupyterHub.services = [{{"name": "tests", "api_token": {token!r}}}]
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{home}/homes/{{username}}"
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root", "--ServerApp.terminals_enabled=False"]
c.Spawner.environment = {{
    "JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp", "JUPYTER_CONFIG_PATH": {front_ends!r}
}}
c.Spawner.http_timeout = c.Spawner.start_timeout = 60
c.JupyterHub.cleanup_servers = True
"""


def service_configuration(home: Path, **settings: str) -> str:
    """Return the lines of ``deploy/jupyterhub`` with a free port, figures in ``home``, and further settings."""
    text = DEPLOYED.read_text(encoding="utf-8")
    for old, new in (("127.0.0.1:8690", f"127.0.0.1:{free_port()}"), ("/srv/figserve", f"{home}/figures")):
        assert old in text
        text = text.replace(old, new)
    return text.replace("\n)", "".join(f"\n    {name}={value!r}," for name, value in settings.items()) + "\n)")


@contextlib.contextmanager
def running_hub(home: Path, proxy: str, configuration: str = "", domain: str = "") -> Iterator[HubProcess]:
    """Start a Hub, and stop it at the end, also when it does not start."""
    hub = HubProcess(home, proxy, configuration, domain)
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()


class HubProcess:
    """A JupyterHub with a proxy, anybody's password, three users in two groups, and an administrator.

    Parameters
    ----------
    home
        Directory of its files: ``jupyterhub_config.py``, ``hub.log``, ``homes/alice``, ….
    proxy
        Path of configurable-http-proxy.
    configuration
        What a site adds at the end of its ``jupyterhub_config.py``.
    domain
        Domain of the Hub, where each server has a domain of its own below it.
    """

    def __init__(self, home: Path, proxy: str, configuration: str = "", domain: str = "") -> None:
        self.home = home
        port = free_port()
        self.url = f"http://{domain or '127.0.0.1'}:{port}/"
        self._domain = domain
        self._token = secrets.token_hex(24)
        self._process: subprocess.Popen[bytes] | None = None
        own = _CONFIG.format(
            url=f"http://127.0.0.1:{port}/",
            public_url=self.url,
            subdomain_host=self.url.rstrip("/") if domain else "",
            hub_port=free_port(),
            proxy_port=free_port(),
            home=home,
            proxy=proxy,
            token=self._token,
            front_ends=str(WITHOUT_FRONT_ENDS),
            groups={name: {"users": users} for name, users in GROUPS.items()},
        )
        home.mkdir(parents=True, exist_ok=True)
        (home / "jupyterhub_config.py").write_text(own + configuration)

    @property
    def log(self) -> str:
        """The log of the Hub, its proxy and its servers so far."""
        return (self.home / "hub.log").read_text(errors="replace")

    def start(self) -> None:
        """Start the Hub, and wait until its proxy answers for it."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("FIGSERVE", "JUPYTER"))
        }
        with (self.home / "hub.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(self.home / "jupyterhub_config.py")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env=environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"},
                start_new_session=True,
            )
        wait_until(self._is_ready)

    def stop(self) -> None:
        """Stop the Hub, its proxy, its services and the servers of its users."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the Hub's own API as an administrator; return the decoded response, if it has a body."""
        response = requests.request(
            method,
            f"{self.url}hub/api/{path}",
            json=body,
            headers={"Authorization": f"token {self._token}"},
            timeout=60,
        )
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def login(self, user: str) -> requests.Session:
        """Return a browser session in which ``user`` has logged in to the Hub."""
        session = requests.Session()
        page = session.get(urljoin(self.url, "hub/login"), timeout=60)
        found = re.search(r'name="_xsrf"\s+value="([^"]+)"', page.text)
        assert found, page.text
        answer = session.post(
            urljoin(self.url, "hub/login"),
            data={"username": user, "password": "any", "_xsrf": found.group(1)},
            headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"},
            allow_redirects=False,
            timeout=60,
        )
        assert answer.status_code == 302, f"{answer.status_code}: {answer.text}"
        return session

    def start_server(self, user: str, server: str = "") -> None:
        """Start the user's server, or a named one, and wait until it is ready. Who never logged in becomes a user."""
        self.api("POST", "users", {"usernames": [user]}) if user not in self._users() else None
        self.api("POST", f"users/{user}/servers/{server}" if server else f"users/{user}/server")
        wait_until(lambda: self.api("GET", f"users/{user}")["servers"].get(server, {}).get("ready"))

    @contextlib.contextmanager
    def running_server(self, user: str) -> Iterator[None]:
        """Start the user's server, and stop it at the end, also after a failure: the tests after it start their own."""
        self.start_server(user)
        try:
            yield
        finally:
            if self.api("GET", f"users/{user}")["servers"]:
                self.stop_server(user)

    def stop_server(self, user: str) -> None:
        """Stop the user's server, as culling does, and wait until it is gone."""
        self.api("DELETE", f"users/{user}/server")
        wait_until(lambda: not self.api("GET", f"users/{user}")["servers"])

    def token(self, user: str, scopes: list[str] | None = None) -> str:
        """Return a new token of the user, with all the user's scopes unless some are named."""
        body = {"note": "tests"} if scopes is None else {"note": "tests", "scopes": scopes}
        token: str = self.api("POST", f"users/{user}/tokens", body)["token"]
        return token

    def server_request(self, user: str, method: str, path: str, server: str = "", **more: Any) -> requests.Response:
        """Send a request to the user's server, or a named one, with a token of the user."""
        headers = {"Authorization": f"token {self.token(user)}", **more.pop("headers", {})}
        return requests.request(method, self.server_url(user, server) + path, headers=headers, timeout=60, **more)

    @property
    def service(self) -> str:
        """The address of the service."""
        return f"{self._origin('figserve--service')}services/figserve"

    def server_url(self, user: str, server: str = "") -> str:
        """The address of a user's server, or of a named one."""
        return f"{self._origin(user)}user/{user}/" + (f"{server}/" if server else "")

    def _origin(self, name: str) -> str:
        return self.url.replace(self._domain, f"{name}.{self._domain}") if self._domain else self.url

    def service_request(self, user: str, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request to the service with a token of the user."""
        headers = {"Authorization": f"token {self.token(user)}", **more.pop("headers", {})}
        return requests.request(method, f"{self.service}{path}", headers=headers, timeout=60, **more)

    @contextlib.contextmanager
    def kernel(self, user: str, notebook: str = "Untitled.ipynb", server: str = "") -> Iterator[KernelSession]:
        """Start a kernel of a user's server for the notebook at that path; shut it down at the end."""
        body = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        response = self.server_request(user, "POST", "api/sessions", server, json=body)
        if response.status_code != 201:
            raise RunnerError(f"Starting a kernel failed ({response.status_code}): {response.text[:500]}")
        session = response.json()
        runtime = self.home / "homes" / user / ".local/share/jupyter/runtime"
        kernel = KernelSession(session["id"], session["kernel"]["id"], runtime)
        try:
            kernel.connect()
            yield kernel
        finally:
            kernel.disconnect()
            with contextlib.suppress(requests.RequestException):
                self.server_request(user, "DELETE", f"api/sessions/{session['id']}", server)

    def _users(self) -> set[str]:
        return {user["name"] for user in self.api("GET", "users")}

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RunnerError(f"JupyterHub did not start. The end of its log:\n{self.log[-3000:]}")
        try:
            return requests.get(f"{self.url}hub/api/", timeout=5).ok and bool(json.dumps(self.api("GET", "proxy")))
        except (requests.RequestException, AssertionError):
            return False
