"""Discovery of servers, and the errors of ``connect``."""

from __future__ import annotations

import json
import warnings

import pytest

import jupyter_figserve as figserve
from jupyter_figserve import errors
from jupyter_figserve.kernel.client import discovery
from jupyter_figserve.kernel.client.batch_server import get_connection
from jupyter_figserve.kernel.client.discovery import find_connection

from ..conftest import KEY, Reply

OWN = {"KERNEL_FIGSERVE_URL": "http://127.0.0.1:1/lab/figserve", "KERNEL_FIGSERVE_KEY": KEY}
USERS = {"FIGSERVE_URL": "http://127.0.0.1:2/lab?token=x", "FIGSERVE_API_KEY": KEY}


@pytest.fixture
def runtime_file(tmp_path, monkeypatch):
    """The runtime file of a running server, and the variable that leads to it."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    path = tmp_path / "jpserver-4711.json"
    path.write_text(json.dumps({"url": "http://127.0.0.1:3/b/", "token": "abc", "pid": 4711}))
    return {"JPY_PARENT_PID": "4711"}


def test_error_without_a_server_has_advice():
    """The message names all three ways to connect."""
    with pytest.raises(errors.NotConnected) as caught:
        get_connection()
    for way in ("figserve.serve()", "figserve.connect(url, key)", "FIGSERVE_URL and FIGSERVE_API_KEY"):
        assert way in str(caught.value)


def test_order_of_discovery(runtime_file, fake):
    """Precedence: ``connect``, the user's variables, the kernel's variables, the runtime file."""
    assert find_connection({}) is None
    found = find_connection(runtime_file)
    assert (found.url, found.is_own) == ("http://127.0.0.1:3/b/figserve", True)
    found = find_connection({**runtime_file, **OWN})
    assert (found.url, found.is_own) == ("http://127.0.0.1:1/lab/figserve", True)
    found = find_connection({**runtime_file, **OWN, **USERS})
    assert (found.url, found.is_own) == ("http://127.0.0.1:2/figserve", False)
    connected = figserve.connect(fake.url, KEY)
    assert find_connection({**runtime_file, **OWN, **USERS}) is connected


def test_connection_has_its_source(runtime_file):
    """``%figserve status`` shows how the server was found."""
    assert find_connection(runtime_file).found == "the runtime file jpserver-4711.json"
    assert "KERNEL_FIGSERVE_URL" in find_connection(OWN).found
    assert find_connection(USERS).found == "FIGSERVE_URL"


def test_the_same_environment_keeps_its_connection():
    """Sockets stay open between publishes; another key makes another connection."""
    assert find_connection(OWN) is find_connection(OWN)
    assert find_connection(OWN) is not find_connection({**OWN, "KERNEL_FIGSERVE_KEY": "other"})


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"url": "http://h/"}', '{"url": "http://h/", "token": ""}', "\x00"]
)
def test_invalid_runtime_file_is_skipped(runtime_file, tmp_path, content):
    """Truncated files and servers without a token are ignored."""
    (tmp_path / "jpserver-4711.json").write_text(content)
    assert find_connection(runtime_file) is None


@pytest.mark.parametrize("parent", ["", "../x", "0x1", "99"])
def test_only_a_process_id_leads_to_a_runtime_file(runtime_file, parent):
    """The variable is a number or ignored."""
    assert find_connection({"JPY_PARENT_PID": parent}) is None


def test_a_url_without_a_key_is_an_error():
    """One variable without the other is an error; the search stops."""
    with pytest.raises(errors.NotConnected, match="FIGSERVE_API_KEY"):
        find_connection({"FIGSERVE_URL": "http://127.0.0.1:2/", **OWN})


def test_connect_verifies_immediately(fake):
    """A connection has been verified, and its representation contains the URL."""
    connection = figserve.connect(fake.url.removesuffix("/figserve") + "/lab/tree/a.ipynb", KEY)
    assert connection is get_connection()
    assert [r.path for r in fake.received] == ["/base/figserve/api/status", "/base/figserve/api/figures"]
    assert fake.url in repr(connection)


def test_connect_takes_the_token_of_the_url(fake):
    """The URL that the terminal printed is enough."""
    fake.instead = lambda request: Reply.of(200, {"version": "1", "figures": []})
    figserve.connect(f"{fake.url}?token=abc")
    assert {r.headers["authorization"] for r in fake.received} == {"token abc"}


def test_base_url_that_ends_in_figserve(fake):
    """A Hub service may itself be called figserve; its routes are one level deeper."""

    def instead(request):
        inner = request.path.startswith("/base/figserve/figserve/")
        return Reply.of(200, {"version": "1", "figures": []}) if inner else Reply(404)

    fake.instead = instead
    assert figserve.connect(fake.url, KEY).url == f"{fake.url}/figserve"


def test_connect_explains_a_server_without_the_extension(fake):
    """Another program, or a wrong base URL."""
    with pytest.raises(errors.ServerError, match="no jupyter_figserve at /figserve"):
        figserve.connect(fake.url.removesuffix("/base/figserve"), KEY)
    assert find_connection() is None


def test_connect_explains_json_of_another_program(fake):
    """A status without a version comes from another program."""
    fake.instead = lambda request: Reply.of(200, {"ok": True})
    with pytest.raises(errors.ServerError, match="not a jupyter_figserve server"):
        figserve.connect(fake.url, KEY)


@pytest.mark.parametrize(("key", "message"), [("fsk_wrong", "rejects the key"), (None, "requires a key")])
def test_connect_explains_a_bad_key(fake, key, message):
    """Wrong and missing keys have different messages, which do not repeat the key."""
    with pytest.raises(errors.Unauthorized, match=message) as caught:
        figserve.connect(fake.url, key)
    assert "fsk_wrong" not in str(caught.value)


@pytest.mark.parametrize(("key", "good"), [(KEY, True), ("token", False)])
def test_publish_only_key_is_valid(fake, key, good):
    """403 is about scopes for an API key, and a rejection for a Jupyter token."""
    forbidden = Reply.of(403, {"error": "No scope.", "code": "forbidden"})
    fake.instead = lambda request: forbidden if request.path.endswith("figures") else None
    if good:
        assert figserve.connect(fake.url, key)
        return
    with pytest.raises(errors.Unauthorized):
        figserve.connect(fake.url, key)


def test_plain_http_warning_appears_once():
    """The warning is only for addresses that the user gave, not for those of a Hub."""
    remote = {"FIGSERVE_URL": "http://example.org/", "FIGSERVE_API_KEY": KEY}
    with pytest.warns(UserWarning, match="unencrypted") as caught:
        find_connection(remote)
    assert KEY not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find_connection(remote)
        find_connection({"KERNEL_FIGSERVE_URL": "http://hub:8081/figserve", "KERNEL_FIGSERVE_KEY": KEY})
        find_connection({**remote, "FIGSERVE_URL": "https://example.org/"})


def test_how_to_connect_fits_one_line():
    """The magic prints it, and publish raises it."""
    assert "\n" not in discovery.HOW_TO_CONNECT


def test_kernel_of_a_service_has_two_servers(fake):
    """It publishes to the service, and finds what it displayed on its own server; elsewhere there is only one."""
    local = {"KERNEL_FIGSERVE_LOCAL_URL": "http://127.0.0.1:2/lab/figserve", "KERNEL_FIGSERVE_LOCAL_KEY": KEY}
    found = find_connection(OWN | local)
    assert (found.url, found.is_own) == (OWN["KERNEL_FIGSERVE_URL"], True)
    assert "JupyterHub's service" in found.found
    own = discovery.find_local_connection(OWN | local)
    assert own.url == local["KERNEL_FIGSERVE_LOCAL_URL"]
    assert discovery.find_local_connection(OWN | local) is own
    assert find_connection(OWN | local) is found
    assert discovery.find_local_connection(OWN) is None


def test_scripts_of_a_hubs_server_use_its_service(runtime_file):
    """With the server's token; a kernel's own server comes first, so that a kernel never has two."""
    hub = {"FIGSERVE_SERVICE": "http://127.0.0.1:4/services/figserve", "JUPYTERHUB_API_TOKEN": "t"}
    found = find_connection(hub)
    assert (found.url, found.client.credential) == (hub["FIGSERVE_SERVICE"], {"Authorization": "token t"})
    assert find_connection(OWN | hub).url == OWN["KERNEL_FIGSERVE_URL"]
    assert find_connection(runtime_file | hub).url == "http://127.0.0.1:3/b/figserve"
    assert find_connection({"FIGSERVE_SERVICE": hub["FIGSERVE_SERVICE"]}) is None
