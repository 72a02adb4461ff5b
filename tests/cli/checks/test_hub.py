"""The doctor on a user's server of a JupyterHub; tests/hub has a real one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jupyter_figserve.cli.checks.hub import check_hub
from jupyter_figserve.hub import ACCESS_SCOPE, PUBLISH_SCOPE

STATUS = {"version": "0", "host": "hub", "instance": "one"}


class Answers:
    """An HTTP server with a JSON value for each path."""

    def __init__(self) -> None:
        self.values = {
            "/hub/api/user": {"name": "ann", "scopes": [ACCESS_SCOPE, f"{PUBLISH_SCOPE}!user=ann"]},
            "/services/figserve/api/status": STATUS,
        }
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                value = answers.values.get(self.path)
                body = json.dumps(value).encode()
                self.send_response(404 if value is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def answers() -> Iterator[Answers]:
    """The Hub, its proxy and the service in one."""
    found = Answers()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def environment(answers) -> dict[str, str]:
    """What the Hub gives to ann's server."""
    return {
        "JUPYTERHUB_USER": "ann",
        "JUPYTERHUB_API_URL": f"{answers.url}/hub/api",
        "JUPYTERHUB_API_TOKEN": "t",
        "JUPYTERHUB_PUBLIC_URL": f"{answers.url}/user/ann/",
        "FIGSERVE_SERVICE": f"{answers.url}/services/figserve",
    }


def test_all_is_well(environment):
    """The scopes, the service and its public address."""
    assert [(one.check, one.state) for one in check_hub(environment)] == [
        ("hub_scopes", "ok"),
        ("hub_service", "ok"),
        ("hub_public_url", "ok"),
    ]
    assert not list(check_hub({}))


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        ([], [ACCESS_SCOPE, PUBLISH_SCOPE]),
        ([ACCESS_SCOPE, "custom:figserve:read"], [PUBLISH_SCOPE]),
        ([PUBLISH_SCOPE], [ACCESS_SCOPE]),
    ],
)
def test_missing_scope_is_named_with_the_line(answers, environment, scopes, missing):
    """As the token of the server lacks it."""
    answers.values["/hub/api/user"] = {"scopes": scopes}
    found = next(one for one in check_hub(environment) if one.check == "hub_scopes")
    assert found.state == "wrong"
    assert all(scope in found.says for scope in missing)
    assert "c.Spawner.server_token_scopes" in found.mend


def test_wrong_addresses_are_named_with_the_line(answers, environment):
    """An unreachable service, another server in its place, and a public address that leads elsewhere."""
    closed = "http://127.0.0.1:1"
    for changes, check, line in (
        ({"FIGSERVE_SERVICE": f"{closed}/services/figserve"}, "hub_service", "FIGSERVE_SERVICE"),
        ({"FIGSERVE_SERVICE": f"{answers.url}/nothing"}, "hub_service", "FIGSERVE_SERVICE"),
        ({"JUPYTERHUB_PUBLIC_URL": f"{closed}/user/ann/"}, "hub_public_url", "c.JupyterHub.public_url"),
        ({"JUPYTERHUB_PUBLIC_URL": ""}, "hub_public_url", "c.JupyterHub.public_url"),
    ):
        found = [one for one in check_hub(environment | changes) if one.state == "wrong"]
        assert [one.check for one in found] == [check]
        assert line in str(found[0].mend)


def test_without_the_service_there_is_a_note(environment):
    """It says what the service is good for, and how to get it."""
    (found,) = check_hub({name: value for name, value in environment.items() if name != "FIGSERVE_SERVICE"})
    assert (found.check, found.state) == ("hub_service", "note")
    assert "jupyter_figserve.hub.configure" in str(found.mend)


def test_domain_of_each_server(environment):
    """The service has another one, so that the address of the user's server says nothing about its links."""
    checked = {
        host: [one.check for one in check_hub(environment | {"JUPYTERHUB_HOST": host})]
        for host in ("http://127.0.0.1:8000", "https://hub.example.edu")
    }
    assert list(map(len, checked.values())) == [3, 2]


@pytest.mark.parametrize(
    ("can", "state", "says"),
    [
        ({"users": True, "groups": True, "created": True}, "ok", "checks the names"),
        ({"users": False, "groups": True, "created": False}, "note", "names of users are not checked"),
        ({"users": True, "groups": True, "created": False}, "note", "gets the figures of both"),
    ],
)
def test_what_the_service_may_look_up(answers, environment, can, state, says):
    """Names are checked where the service has the scopes; else the doctor names the role to add."""
    answers.values["/services/figserve/api/status"] = STATUS | {"directory": can}
    found = next(one for one in check_hub(environment) if one.check == "hub_directory")
    assert found.state == state
    assert says in found.says
    assert state == "ok" or '"services": ["figserve"]' in found.mend
