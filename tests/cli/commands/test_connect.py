"""`connect`: a user's own server, and another one that is the team's; the key is stored, used and never shown."""

from __future__ import annotations

import json
import stat

import pytest

from jupyter_figserve.demo.server_process import fetch
from jupyter_figserve.model.team_servers import FILE_NAME
from tests.cli.conftest import shell_of
from tests.security.actors import PNG, publish


@pytest.fixture
def key(make_key) -> str:
    return make_key("read", "publish")


@pytest.fixture
def stored(isolated_shell):
    return isolated_shell.home / "data" / FILE_NAME


@pytest.fixture(scope="module")
def own_server(request):
    """A server of the same user, whose links open only on this machine."""
    from tests.conftest import MakeServer

    servers = MakeServer()
    yield servers()
    servers.stop_all()


def shell_on(server, tmp_path):
    """A shell of the user of a server, with its data directory."""
    return shell_of(server, tmp_path / "home").with_env(JUPYTER_DATA_DIR=str(server.home / "data"))


def test_a_key_is_checked_and_stored(isolated_shell, live_server, key, stored):
    """From standard input, a terminal, a file or the environment; it is in no output, and only the user can read it."""
    done = isolated_shell.run("connect", live_server.url, stdin=f"{key}\n")
    assert done.lines == [f"Connected to {live_server.url}figserve as local (publish, read)."]
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert json.loads(stored.read_text())["servers"][0]["key"] == key
    typed = isolated_shell.run_on_terminal("connect", live_server.url, typed=f"{key}\n".encode())
    assert "Connected to" in typed.out
    listed = isolated_shell.run("connect", "--list", "--json")
    assert [one["url"] for one in listed.json()["servers"]] == [f"{live_server.url}figserve"]
    assert key not in done.out + done.err + typed.out + listed.out
    assert "local" in isolated_shell.run("connect", "--list").lines[1]


def test_the_key_is_used_and_forgotten(isolated_shell, live_server, key, stored, make_key):
    """Commands use it for that URL, and where no server runs; removing it removes the file."""
    publish(live_server, name="of-the-team")
    isolated_shell.with_env(FIGSERVE_API_KEY=key).run("connect", live_server.url)
    for arguments in ((), ("--server", live_server.url)):
        assert "of-the-team" in isolated_shell.run("list", *arguments).out
    gone = isolated_shell.run("connect", "--remove")
    assert f"keys revoke {key.split('_')[1]}" in gone.err
    assert not stored.exists()
    assert "no Jupyter server running" in isolated_shell.run("list", expect=1).err


@pytest.mark.parametrize("scopes", [("read",), None])
def test_a_key_that_cannot_share_is_not_stored(isolated_shell, live_server, make_key, stored, scopes):
    """One that the server does not know, or without the scope publish."""
    key = make_key(*scopes) if scopes else "fsk_aaaaaaaa_" + "b" * 43
    failed = isolated_shell.run("connect", live_server.url, stdin=key, expect=1)
    assert ("no scope publish" if scopes else "rejects the key") in failed.err
    assert key not in failed.err
    assert not stored.exists()


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        ((), "", 2, "Give the URL"),
        (("--list", "--remove"), "", 2, "--list"),
        (("http://127.0.0.1:1",), "fsk_x", 1, "127.0.0.1:1"),
        (("http://127.0.0.1:1",), "", 1, "no API key"),
        (("http://127.0.0.1:1",), "a-jupyter-token", 1, "no API key"),
        (("http://figures.example.org",), "fsk_x", 1, "unencrypted"),
        (("http://h", "--remove"), "", 1, "not connected"),
        (("http://h", "fsk_" + "a" * 8 + "_" + "b" * 43), "", 2, "Do not pass a key on the command line"),
    ],
)
def test_mistakes_are_explained(isolated_shell, stored, arguments, stdin, code, message):
    """Nothing is stored."""
    assert message in isolated_shell.run("connect", *arguments, stdin=stdin, expect=code).err
    assert not stored.exists()


def test_a_figure_is_shared_on_the_teams_server(own_server, live_server, key, tmp_path):
    """The link is that server's: it has the figure's image and texts, and sharing again updates the same figure."""
    shell = shell_on(own_server, tmp_path)
    publish(own_server, name="sales", title="Sales", alt="They rise.", caption="In euros")
    told = shell.run("link", "sales")
    assert "figserve connect URL" in told.err
    shell.run("connect", live_server.url, stdin=key)
    assert "--on team" in shell.run("link", "sales").err
    done = shell.run("link", "sales", "--on", "team", "--expires", "7d")
    (url,) = done.lines
    assert url.startswith(f"{live_server.url}figserve/f/")
    assert fetch(f"{url}.png").body == PNG
    shared = live_server.fetch("figserve/api/figures?name=sales").json()["figures"]
    assert [(one["title"], one["alt"], one["caption"]) for one in shared] == [("Sales", "They rise.", "In euros")]
    link_id = done.err.split("Link ")[1].split()[0]
    shell.run("revoke", link_id, "--server", live_server.url)
    assert fetch(f"{url}.png").status == 404
    again = shell.run("link", "sales", "--on", live_server.url, "--json").json()
    assert again["server"] == f"{live_server.url}figserve"
    assert again["figure"] == shared[0]["id"]


def test_a_figure_that_cannot_be_shared_there(own_server, live_server, key, tmp_path):
    """The reason is the team's server's, or that it is not connected; nothing is shared here instead."""
    shell = shell_on(own_server, tmp_path)
    record = publish(own_server, name="costs")
    path = f"figserve/api/figures/{record['id']}/links"
    unknown = own_server.fetch(path, method="POST", body={"server": "https://elsewhere.example"})
    assert (unknown.status, unknown.json()["code"]) == (409, "no_team_server")
    shell.run("connect", live_server.url, stdin=key)
    refused = own_server.fetch(path, method="POST", body={"server": "team", "expires": "soon"})
    assert refused.status == 409
    assert refused.json()["error"].startswith("127.0.0.1:")
    assert own_server.fetch(path, method="POST", body={"server": 1}).status == 400
    file = own_server.home / "data" / FILE_NAME
    file.write_text(file.read_text().replace(live_server.url, "http://127.0.0.1:1/"))
    gone = own_server.fetch(path, method="POST", body={"server": "team"})
    assert (gone.status, gone.json()["code"]) == (503, "team_server_unreachable")
    assert own_server.fetch(path).json()["links"] == []
    assert key not in unknown.text + refused.text + gone.text + own_server.log


@pytest.mark.kernel
def test_a_kernel_shares_there_and_says_so(own_server, live_server, key, tmp_path):
    """The link's methods reach the team's server; %figserve status names it."""
    shell_on(own_server, tmp_path).run("connect", live_server.url, stdin=key)
    with own_server.kernel("plots.ipynb") as kernel:
        done = kernel.run(
            "import jupyter_figserve as figserve, matplotlib.pyplot as plt\n"
            "plt.plot([1, 2])\npub = figserve.publish(name='drawn')\n"
            "print(pub.share())\nlink = pub.share(server='team')\nprint(link.url)\nlink.pause()\nprint(link.server)\n"
            "%load_ext jupyter_figserve\n%figserve status"
        )
    assert done.error is None
    team = f"{live_server.url}figserve"
    assert f'Your team reaches {team}: share(server="team")' in done.stdout
    url = next(line for line in done.stdout.splitlines() if line.startswith(f"{team}/f/"))
    assert fetch(f"{url}.png").status == 404
    assert f"Team server  {team}, as local" in done.stdout
    (shared,) = live_server.fetch("figserve/api/figures?name=drawn").json()["figures"]
    assert shared["notebook"].endswith("root/plots.ipynb")
