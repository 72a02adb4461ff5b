"""The kernels of a server: each gets our address and a key of its own, and its figures follow its notebook."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_figserve.model.keys import split_key
from jupyter_figserve.server.services.sessions.kernel_environment import KERNEL_KEY_TTL
from jupyter_figserve.store.catalog import figures, keys, sessions

from ....waiting import until
from ...conftest import DEADLINE, Client
from ...pictures import png

NAMES = ("KERNEL_FIGSERVE_URL", "KERNEL_FIGSERVE_KEY")


class FakeKernels:
    """A provisioner's part: notes the environment, and starts nothing."""

    def __init__(self, app) -> None:
        self.manager = app.kernel_manager
        self.session_manager = app.session_manager
        self.environments: dict[str, dict[str, str]] = {}
        self._count = 0

    async def start_kernel(self, *, kernel_id: str | None = None, env: dict[str, str] | None = None, **_: Any) -> str:
        self._count += 1
        kernel_id = kernel_id or f"kernel-{self._count}"
        self.environments[kernel_id] = dict(env or {})
        return kernel_id


@pytest.fixture
def jp_server_config(jp_server_config):
    """Kernels of these tests are those of this environment."""
    jp_server_config["ServerApp"]["jpserver_extensions"]["jupyter_server_terminals"] = False
    return jp_server_config


class TestEnvironment:
    """What a kernel gets, with a manager that starts none."""

    @pytest.fixture
    def fake(self, jp_serverapp, context) -> FakeKernels:
        fake = FakeKernels(jp_serverapp)
        context.kernels._start = fake.start_kernel
        return fake

    async def test_kernel_gets_address_and_key(self, jp_serverapp, context, fake, stranger):
        """The address is the server's, the key opens what a kernel may do, and is bound to the kernel's id."""
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        environment = fake.environments[kernel]
        assert environment["KERNEL_FIGSERVE_URL"] == context.addresses.for_kernels()
        client = stranger.bearing(environment["KERNEL_FIGSERVE_KEY"])
        assert (await client.publish())["session"] == kernel
        assert (await client.get("/api/keys")).status == 403

    async def test_keys_differ(self, jp_serverapp, fake):
        """From kernel to kernel."""
        for _ in range(2):
            await jp_serverapp.kernel_manager.start_kernel()
        assert len({env["KERNEL_FIGSERVE_KEY"] for env in fake.environments.values()}) == 2

    async def test_given_environment_is_kept(self, jp_serverapp, fake, monkeypatch):
        """A front end's own variables stay; without any, the kernel has the server's."""
        monkeypatch.setenv("OF_THE_SERVER", "1")
        given = await jp_serverapp.kernel_manager.start_kernel(env={"OF_THE_FRONT_END": "2"})
        alone = await jp_serverapp.kernel_manager.start_kernel()
        assert fake.environments[given]["OF_THE_FRONT_END"] == "2"
        assert "OF_THE_SERVER" not in fake.environments[given]
        assert fake.environments[alone]["OF_THE_SERVER"] == "1"
        assert not [name for name in NAMES if name in os.environ]

    async def test_kernel_that_does_not_start_leaves_no_key(self, jp_serverapp, context):
        """The error is the manager's own."""

        async def fail(**_: Any) -> str:
            raise OSError("no such kernel")

        context.kernels._start = fail
        with pytest.raises(OSError, match="no such kernel"):
            await jp_serverapp.kernel_manager.start_kernel()
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: None))
        assert context.store.catalog.reader.exec_driver_sql("select count(*) from keys").scalar() == 0

    async def test_read_only_store_starts_kernels_all_the_same(self, jp_serverapp, context, fake):
        """Without a key, since none could be kept."""
        context.store.catalog.read_only_because = "broken"
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        assert not [name for name in NAMES if name in fake.environments[kernel]]
        assert "KERNEL_FIGSERVE_PLOTS" in fake.environments[kernel]

    async def test_kernel_gets_a_directory_of_its_own(self, jp_serverapp, context, fake):
        """Private, another for each, and gone with the kernel."""
        kernels = [await jp_serverapp.kernel_manager.start_kernel() for _ in range(2)]
        found = [Path(fake.environments[kernel]["KERNEL_FIGSERVE_PLOTS"]) for kernel in kernels]
        assert found == [context.directories.find(kernel) for kernel in kernels]
        assert {stat.S_IMODE(directory.stat().st_mode) for directory in found} == {0o700}
        context.kernels.on_kernel_ended(kernels[0])
        assert [directory.exists() for directory in found] == [False, True]

    async def test_nothing_of_another_servers_kernel_is_passed_on(self, jp_serverapp, context, fake, monkeypatch):
        """As when this server was started from a notebook, and has nothing of its own to give."""
        for name in (*NAMES, "KERNEL_FIGSERVE_PLOTS", "KERNEL_FIGSERVE_CA"):
            monkeypatch.setenv(name, "of another server")
        context.store.catalog.read_only_because = "broken"
        monkeypatch.setattr(context.directories, "make", lambda kind: None)
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        assert not [name for name in fake.environments[kernel] if name.startswith("KERNEL_FIGSERVE_")]

    async def test_a_kernel_that_does_not_start_leaves_no_directory(self, jp_serverapp, context):
        """Nothing is left in the server's own one but its lock."""

        async def fail(**_: Any) -> str:
            raise OSError("no such kernel")

        context.kernels._start = fail
        with pytest.raises(OSError, match="no such kernel"):
            await jp_serverapp.kernel_manager.start_kernel()
        await until(lambda: [path.name for path in context.directories._own.iterdir()] == ["lock"])

    async def test_behind_a_gateway_there_is_no_directory(self, jp_serverapp, context, fake, monkeypatch):
        """It would be on another machine than the kernel; address and key are there."""
        monkeypatch.setattr(type(jp_serverapp.gateway_config), "gateway_enabled", True)
        kernel = await jp_serverapp.kernel_manager.start_kernel(env={})
        assert "KERNEL_FIGSERVE_PLOTS" not in fake.environments[kernel]
        assert set(NAMES) <= set(fake.environments[kernel])

    async def test_a_session_is_noted_when_it_starts_and_ends(self, jp_serverapp, context, fake):
        """Also without a notebook; who wants to know hears of both, once."""
        heard = []
        context.kernels.on_start.append(lambda kernel, notebook: heard.append(("start", kernel, notebook)))
        context.kernels.on_end.append(lambda kernel, notebook: heard.append(("end", kernel, notebook)))
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        await until(lambda: heard)
        reader = context.store.catalog.reader
        assert sessions.find(reader, kernel).ended is None
        context.kernels.on_kernel_ended(kernel)
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: None))
        assert sessions.find(reader, kernel).ended is not None
        assert heard == [("start", kernel, ""), ("end", kernel, "")]

    async def test_sweep_learns_the_notebook(self, jp_serverapp, context, fake, monkeypatch):
        """Front ends tell it late, and move it."""
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        monkeypatch.setattr(jp_serverapp.kernel_manager, "list_kernel_ids", lambda: [kernel])

        async def find(_: str) -> str:
            return "late.ipynb"

        monkeypatch.setattr(context.kernels, "_find_notebook", find)
        await context.kernels.sweep()
        assert sessions.find(context.store.catalog.reader, kernel).notebook == "late.ipynb"

    async def test_silent_death_is_swept(self, jp_serverapp, context, fake, stranger, owner):
        """A kernel that is no longer there loses its key with the next sweep, and its session has ended."""
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        client = stranger.bearing(fake.environments[kernel]["KERNEL_FIGSERVE_KEY"])
        await client.publish()
        await context.kernels.sweep()
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: None))
        assert (await client.get("/api/figures")).status == 401
        assert len((await owner.get("/api/figures", session=kernel)).json()["figures"]) == 1

    async def test_living_kernel_is_prolonged(self, jp_serverapp, context, fake, stranger, clock, monkeypatch):
        """A key lives as long as its server says that the kernel does, and not for ever without a server."""
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        monkeypatch.setattr(jp_serverapp.kernel_manager, "list_kernel_ids", lambda: [kernel])
        client = stranger.bearing(fake.environments[kernel]["KERNEL_FIGSERVE_KEY"])
        clock.advance(KERNEL_KEY_TTL - 1)
        await context.kernels.sweep()
        clock.advance(KERNEL_KEY_TTL - 1)
        assert (await client.get("/api/figures")).status == 200
        clock.advance(1)
        assert (await client.get("/api/figures")).status == 401

    async def test_close_restores_the_manager(self, jp_serverapp, context):
        """Its own method is back, to the object."""
        manager = jp_serverapp.kernel_manager
        wrapped = manager.start_kernel
        context.kernels.close()
        assert manager.start_kernel is not wrapped
        assert manager.start_kernel == wrapped.__wrapped__


@pytest.mark.kernel
class TestRealKernel:
    """A real ipykernel, started through Jupyter's API."""

    @pytest.fixture(autouse=True)
    def real_kernels(self, jp_environ, monkeypatch) -> None:
        """pytest-jupyter's directories know an echo kernel alone."""
        monkeypatch.delenv("JUPYTER_PATH", raising=False)

    @pytest.fixture
    def api(self, owner: Client) -> Callable[..., Awaitable[Any]]:
        """Jupyter's own API: ``await api("POST", "kernels", {...})``."""

        async def ask(method: str, path: str, body: object = None) -> Any:
            answer = await owner.http.fetch(
                f"{owner.prefix.removesuffix('/figserve')}/api/{path}",
                method=method,
                headers=owner.headers,
                body=None if body is None else json.dumps(body),
                allow_nonstandard_methods=True,
                request_timeout=3 * DEADLINE,
            )
            return json.loads(answer.body) if answer.body else None

        return ask

    @pytest.fixture
    def evaluate(self, jp_serverapp):
        """What an expression gives in a kernel: ``await evaluate(kernel, "1 + 1")``."""

        async def run(kernel: str, expression: str) -> Any:
            client = jp_serverapp.kernel_manager.get_kernel(kernel).client()
            client.start_channels()
            try:
                await client.wait_for_ready(timeout=3 * DEADLINE)
                code, wanted = "import json, os", {"value": f"json.dumps({expression})"}
                reply = await client.execute_interactive(
                    code, user_expressions=wanted, timeout=3 * DEADLINE, output_hook=lambda message: None
                )
            finally:
                client.stop_channels()
            return json.loads(eval(reply["content"]["user_expressions"]["value"]["data"]["text/plain"]))  # noqa: S307

        return run

    async def environment(self, evaluate, kernel: str) -> dict[str, str]:
        return await evaluate(kernel, f"{{name: os.environ.get(name) for name in {NAMES!r}}}")

    async def session(self, api, path: str) -> dict[str, Any]:
        model = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        return await api("POST", "sessions", model)

    @pytest.mark.compat
    async def test_life_of_a_key(self, api, evaluate, context, stranger):
        """Address and key are in the kernel's environment, the same after a restart, and end with its shutdown."""
        kernel = (await api("POST", "kernels", {"name": "python3"}))["id"]
        before = await self.environment(evaluate, kernel)
        assert before["KERNEL_FIGSERVE_URL"] == context.addresses.for_kernels()
        client = stranger.bearing(before["KERNEL_FIGSERVE_KEY"])
        assert (await client.publish())["session"] == kernel
        await api("POST", f"kernels/{kernel}/restart")
        assert await self.environment(evaluate, kernel) == before
        assert (await client.publish(data=png(grey=1)))["version"] == 2
        await api("DELETE", f"kernels/{kernel}")
        key_id = split_key(before["KERNEL_FIGSERVE_KEY"])[0]
        await until(lambda: keys.find(context.store.catalog.reader, key_id) is None)
        assert (await client.get("/api/figures")).status == 401

    async def test_key_survives_a_crash_that_jupyter_mends(self, api, evaluate, stranger, jp_serverapp):
        """A kernel that dies is restarted by its server with the same environment."""
        kernel = (await api("POST", "kernels", {"name": "python3"}))["id"]
        before = await self.environment(evaluate, kernel)
        process = await evaluate(kernel, "os.getpid()")
        manager = jp_serverapp.kernel_manager.get_kernel(kernel)
        os.kill(process, signal.SIGKILL)
        await until(lambda: getattr(manager.provisioner, "pid", None) not in (None, process) and manager.ready.done())
        assert await self.environment(evaluate, kernel) == before
        assert (await stranger.bearing(before["KERNEL_FIGSERVE_KEY"]).get("/api/figures")).status == 200

    async def test_figures_follow_their_notebook(
        self, api, evaluate, owner, stranger, context, jp_create_notebook, jp_root_dir
    ):
        """A rename through the contents API, and one by a session's PATCH, take the figures and their links along."""
        jp_create_notebook("Untitled.ipynb")
        session = await self.session(api, "Untitled.ipynb")
        kernel = session["kernel"]["id"]
        client = stranger.bearing((await self.environment(evaluate, kernel))["KERNEL_FIGSERVE_KEY"])
        first = await client.publish()
        assert (first["notebook"], first["session"]) == ("Untitled.ipynb", kernel)
        link = await client.share(first)

        await api("PATCH", "contents/Untitled.ipynb", {"path": "bears.ipynb"})
        reader = context.store.catalog.reader
        await until(lambda: figures.find(reader, first["id"]).identity.notebook == "bears.ipynb")
        await api("PATCH", f"sessions/{session['id']}", {"path": "bears.ipynb"})
        second = await client.publish(data=png(grey=1))
        assert (second["id"], second["notebook"], second["version"]) == (first["id"], "bears.ipynb", 2)

        (jp_root_dir / "bears.ipynb").rename(jp_root_dir / "wolves.ipynb")
        await api("PATCH", f"sessions/{session['id']}", {"path": "wolves.ipynb"})
        third = await client.publish(data=png(grey=2))
        assert (third["id"], third["notebook"], third["version"]) == (first["id"], "wolves.ipynb", 3)
        assert (await stranger.get(link["image_url"])).body == png(grey=2)
        assert [f["id"] for f in (await owner.get("/api/figures", session=kernel)).json()["figures"]] == [first["id"]]
        assert sessions.find(context.store.catalog.reader, kernel).notebook == "wolves.ipynb"

    async def test_copied_notebook_has_figures_of_its_own(self, api, evaluate, stranger, jp_create_notebook):
        """A session that moves to another notebook while the old one stays takes nothing from it."""
        for name in ("one.ipynb", "two.ipynb"):
            jp_create_notebook(name)
        session = await self.session(api, "one.ipynb")
        client = stranger.bearing((await self.environment(evaluate, session["kernel"]["id"]))["KERNEL_FIGSERVE_KEY"])
        first = await client.publish()
        await api("PATCH", f"sessions/{session['id']}", {"path": "two.ipynb"})
        second = await client.publish()
        assert second["id"] != first["id"]
        assert (await client.get(f"/api/figures/{first['id']}")).json()["notebook"] == "one.ipynb"


@pytest.mark.kernel
def test_projects_of_one_name_are_apart(make_server, tmp_path):
    """Two servers with an Untitled.ipynb each, on one data directory, make two figures; each again is the same."""
    found = []
    for root in ("bears", "wolves"):
        server = make_server(root=tmp_path / root, data_dir=tmp_path / "figures")
        with server.kernel("Untitled.ipynb") as kernel:
            code = "import json, os; print(json.dumps([os.environ[n] for n in " + repr(NAMES) + "]))"
            url, key = json.loads(kernel.run(code).stdout)
            for grey in (0, 1):
                answer = server.fetch(
                    f"{url}/api/figures?name=sales",
                    method="POST",
                    body=png(grey=grey),
                    headers={"X-API-Key": key, "Content-Type": "image/png"},
                    anonymous=True,
                )
                found.append(answer.json())
    assert [one["notebook"] for one in found] == ["Untitled.ipynb"] * 4
    assert found[0]["id"] == found[1]["id"] != found[2]["id"] == found[3]["id"]
