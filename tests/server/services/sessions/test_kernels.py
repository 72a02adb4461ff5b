"""Kernels of the server: each gets a URL and a key, and its figures follow its notebook."""

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
from jupyter_figserve.server.services.sessions.kernel_keys import KERNEL_KEY_TTL
from jupyter_figserve.store.catalog import figures, keys, sessions

from ....waiting import until
from ...conftest import DEADLINE, Client
from ...sample_images import png

NAMES = ("KERNEL_FIGSERVE_URL", "KERNEL_FIGSERVE_KEY")
SECRETS = {"FIGSERVE_SIGNING_SECRET", "FIGSERVE_WORKER_KEY"}


class FakeKernels:
    """A fake kernel manager that records the environment and starts nothing."""

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
    """The kernels of these tests are those of this environment."""
    jp_server_config["ServerApp"]["jpserver_extensions"]["jupyter_server_terminals"] = False
    return jp_server_config


class TestEnvironment:
    """The environment of a kernel, with a fake manager."""

    @pytest.fixture
    def fake(self, jp_serverapp, context) -> FakeKernels:
        fake = FakeKernels(jp_serverapp)
        context.kernels._start = fake.start_kernel
        return fake

    async def test_kernel_gets_address_and_key(self, jp_serverapp, context, fake, stranger):
        """The key has the scopes of a kernel and is bound to the kernel's id."""
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        environment = fake.environments[kernel]
        assert environment["KERNEL_FIGSERVE_URL"] == context.addresses.for_kernels()
        client = stranger.with_key(environment["KERNEL_FIGSERVE_KEY"])
        assert (await client.publish())["session"] == kernel
        assert (await client.get("/api/keys")).status == 403

    async def test_keys_differ(self, jp_serverapp, fake):
        """Each kernel has its own key."""
        for _ in range(2):
            await jp_serverapp.kernel_manager.start_kernel()
        assert len({env["KERNEL_FIGSERVE_KEY"] for env in fake.environments.values()}) == 2

    async def test_given_environment_is_kept(self, jp_serverapp, fake, monkeypatch):
        """Variables of the front end stay; without any, the kernel has those of the server."""
        for name in SECRETS:
            monkeypatch.setenv(name, "s" * 40)
        monkeypatch.setenv("OF_THE_SERVER", "1")
        given = await jp_serverapp.kernel_manager.start_kernel(env={"OF_THE_FRONT_END": "2"})
        alone = await jp_serverapp.kernel_manager.start_kernel()
        assert fake.environments[given]["OF_THE_FRONT_END"] == "2"
        assert "OF_THE_SERVER" not in fake.environments[given]
        assert fake.environments[alone]["OF_THE_SERVER"] == "1"
        assert not SECRETS & set(fake.environments[alone])
        assert not [name for name in NAMES if name in os.environ]

    async def test_kernel_that_does_not_start_leaves_no_key(self, jp_serverapp, context):
        """The manager's error is raised unchanged."""

        async def fail(**_: Any) -> str:
            raise OSError("no such kernel")

        context.kernels._start = fail
        with pytest.raises(OSError, match="no such kernel"):
            await jp_serverapp.kernel_manager.start_kernel()
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: None))
        assert context.store.catalog.reader.exec_driver_sql("select count(*) from keys").scalar() == 0

    async def test_read_only_store_starts_kernels_all_the_same(self, jp_serverapp, context, fake):
        """Kernels start without a key, as it could not be stored."""
        context.store.catalog.read_only_because = "broken"
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        assert not [name for name in NAMES if name in fake.environments[kernel]]
        assert "KERNEL_FIGSERVE_PLOTS" in fake.environments[kernel]

    async def test_kernel_gets_a_directory_of_its_own(self, jp_serverapp, context, fake):
        """Private, distinct, and deleted with the kernel."""
        kernels = [await jp_serverapp.kernel_manager.start_kernel() for _ in range(2)]
        found = [Path(fake.environments[kernel]["KERNEL_FIGSERVE_PLOTS"]) for kernel in kernels]
        assert found == [context.directories.find(kernel) for kernel in kernels]
        assert {stat.S_IMODE(directory.stat().st_mode) for directory in found} == {0o700}
        context.kernels.on_kernel_ended(kernels[0])
        assert [directory.exists() for directory in found] == [False, True]

    async def test_nothing_of_another_servers_kernel_is_passed_on(self, jp_serverapp, context, fake, monkeypatch):
        """Variables of a kernel in which this server was started are removed."""
        for name in (*NAMES, "KERNEL_FIGSERVE_PLOTS", "KERNEL_FIGSERVE_CA"):
            monkeypatch.setenv(name, "of another server")
        context.store.catalog.read_only_because = "broken"
        monkeypatch.setattr(context.directories, "make", lambda kind: None)
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        ours = {name: v for name, v in fake.environments[kernel].items() if name.startswith("KERNEL_FIGSERVE_")}
        assert ours == {"KERNEL_FIGSERVE_READ_ONLY": "broken"}

    @pytest.mark.parametrize("is_gateway", [False, True])
    async def test_administrators_authority_is_passed_on(self, jp_serverapp, fake, monkeypatch, is_gateway):
        """Rather than the server's own certificate, which a private authority has signed."""
        monkeypatch.setattr(type(jp_serverapp.gateway_config), "gateway_enabled", is_gateway)
        monkeypatch.setattr(jp_serverapp, "certfile", "/own.pem")
        monkeypatch.setenv("KERNEL_FIGSERVE_CA", "/private-authority.pem")
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        assert fake.environments[kernel]["KERNEL_FIGSERVE_CA"] == "/private-authority.pem"

    async def test_a_kernel_that_does_not_start_leaves_no_directory(self, jp_serverapp, context):
        """Only the lock remains in the server's directory."""

        async def fail(**_: Any) -> str:
            raise OSError("no such kernel")

        context.kernels._start = fail
        with pytest.raises(OSError, match="no such kernel"):
            await jp_serverapp.kernel_manager.start_kernel()
        await until(lambda: [path.name for path in context.directories._own.iterdir()] == ["lock"])

    async def test_behind_a_gateway_there_is_no_directory(self, jp_serverapp, context, fake, monkeypatch):
        """The kernel runs on another machine; it still gets a URL and a key."""
        monkeypatch.setattr(type(jp_serverapp.gateway_config), "gateway_enabled", True)
        kernel = await jp_serverapp.kernel_manager.start_kernel(env={})
        assert "KERNEL_FIGSERVE_PLOTS" not in fake.environments[kernel]
        assert set(NAMES) <= set(fake.environments[kernel])

    async def test_a_session_is_noted_when_it_starts_and_ends(self, jp_serverapp, context, fake):
        """With or without a notebook; each subscriber is called once."""
        notified = []
        context.kernels.on_start.append(lambda kernel, notebook: notified.append(("start", kernel, notebook)))
        context.kernels.on_end.append(lambda kernel, notebook: notified.append(("end", kernel, notebook)))
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        await until(lambda: notified)
        reader = context.store.catalog.reader
        assert sessions.find(reader, kernel).ended is None
        context.kernels.on_kernel_ended(kernel)
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: None))
        assert sessions.find(reader, kernel).ended is not None
        assert notified == [("start", kernel, ""), ("end", kernel, "")]

    async def test_sweep_learns_the_notebook(self, jp_serverapp, context, fake, monkeypatch):
        """Front ends set it after the start, and may change it."""
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        monkeypatch.setattr(jp_serverapp.kernel_manager, "list_kernel_ids", lambda: [kernel])

        async def find(_: str) -> str:
            return "late.ipynb"

        monkeypatch.setattr(context.kernels._paths, "find", find)
        await context.kernels.sweep()
        assert sessions.find(context.store.catalog.reader, kernel).notebook == "late.ipynb"

    async def test_kernel_that_ends_during_a_look_has_ended(self, jp_serverapp, context, fake, monkeypatch):
        """Its notebook is not recorded any more, which would make its session one that runs."""
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        context.kernels._notebooks[kernel] = "old.ipynb"

        async def find(_: str) -> str:
            return "new.ipynb"

        async def end(_: str) -> bool:
            context.kernels.on_kernel_ended(kernel)
            return False

        monkeypatch.setattr(context.kernels._paths, "find", find)
        monkeypatch.setattr(context.kernels._paths, "exists", end)
        await context.kernels.follow_notebook(kernel)
        await context.store.flush()
        assert sessions.find(context.store.catalog.reader, kernel).ended is not None

    async def test_rename_during_a_look_counts(self, jp_serverapp, context, fake, monkeypatch):
        """What is published at that moment is not kept under the old path."""
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        context.kernels._notebooks[kernel] = "old.ipynb"
        found = ["new.ipynb", "old.ipynb"]

        async def find(_: str) -> str:
            if len(found) == 2:
                await context.kernels._on_contents_event(
                    None, "", {"action": "rename", "source_path": "old.ipynb", "path": "new.ipynb"}
                )
            return found.pop()

        monkeypatch.setattr(context.kernels._paths, "find", find)
        assert await context.kernels.follow_notebook(kernel) == "new.ipynb"
        assert context.kernels._notebooks[kernel] == "new.ipynb"

    async def test_silent_death_is_swept(self, jp_serverapp, context, fake, stranger, owner):
        """The next sweep revokes the key and ends the session of a kernel that has disappeared."""
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        client = stranger.with_key(fake.environments[kernel]["KERNEL_FIGSERVE_KEY"])
        await client.publish()
        await context.kernels.sweep()
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: None))
        assert (await client.get("/api/figures")).status == 401
        assert len((await owner.get("/api/figures", session=kernel)).json()["figures"]) == 1

    async def test_living_kernel_is_prolonged(self, jp_serverapp, context, fake, stranger, clock, monkeypatch):
        """The sweep extends a running kernel's key, which expires without a server."""
        kernel = await jp_serverapp.kernel_manager.start_kernel()
        monkeypatch.setattr(jp_serverapp.kernel_manager, "list_kernel_ids", lambda: [kernel])
        client = stranger.with_key(fake.environments[kernel]["KERNEL_FIGSERVE_KEY"])
        clock.advance(KERNEL_KEY_TTL - 1)
        await context.kernels.sweep()
        clock.advance(KERNEL_KEY_TTL - 1)
        assert (await client.get("/api/figures")).status == 200
        clock.advance(1)
        assert (await client.get("/api/figures")).status == 401

    async def test_close_restores_the_manager(self, jp_serverapp, context):
        """The instance has its original method."""
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
        """The kernel specifications of this environment, as pytest-jupyter's directories have only an echo kernel."""
        monkeypatch.delenv("JUPYTER_PATH", raising=False)

    @pytest.fixture
    def api(self, owner: Client) -> Callable[..., Awaitable[Any]]:
        """Jupyter's API: ``await api("POST", "kernels", {...})``."""

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
        """Evaluate an expression in a kernel: ``await evaluate(kernel, "1 + 1")``."""

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
        """URL and key are in the environment, survive a restart, and end with the shutdown."""
        kernel = (await api("POST", "kernels", {"name": "python3"}))["id"]
        before = await self.environment(evaluate, kernel)
        assert before["KERNEL_FIGSERVE_URL"] == context.addresses.for_kernels()
        client = stranger.with_key(before["KERNEL_FIGSERVE_KEY"])
        assert (await client.publish())["session"] == kernel
        await api("POST", f"kernels/{kernel}/restart")
        assert await self.environment(evaluate, kernel) == before
        assert (await client.publish(data=png(grey=1)))["version"] == 2
        await api("DELETE", f"kernels/{kernel}")
        key_id = split_key(before["KERNEL_FIGSERVE_KEY"])[0]
        await until(lambda: keys.find(context.store.catalog.reader, key_id) is None)
        assert (await client.get("/api/figures")).status == 401

    async def test_key_survives_a_crash_that_jupyter_mends(self, api, evaluate, stranger, jp_serverapp):
        """Jupyter restarts a dead kernel with the same environment."""
        kernel = (await api("POST", "kernels", {"name": "python3"}))["id"]
        before = await self.environment(evaluate, kernel)
        process = await evaluate(kernel, "os.getpid()")
        manager = jp_serverapp.kernel_manager.get_kernel(kernel)
        os.kill(process, signal.SIGKILL)
        await until(lambda: getattr(manager.provisioner, "pid", None) not in (None, process) and manager.ready.done())
        assert await self.environment(evaluate, kernel) == before
        assert (await stranger.with_key(before["KERNEL_FIGSERVE_KEY"]).get("/api/figures")).status == 200

    async def test_figures_follow_their_notebook(
        self, api, evaluate, owner, stranger, context, jp_create_notebook, jp_root_dir
    ):
        """Renames through the contents API and through a session's PATCH take figures and links along."""
        jp_create_notebook("Untitled.ipynb")
        session = await self.session(api, "Untitled.ipynb")
        kernel = session["kernel"]["id"]
        client = stranger.with_key((await self.environment(evaluate, kernel))["KERNEL_FIGSERVE_KEY"])
        first = await client.publish()
        assert (first["notebook"], first["session"]) == ("Untitled.ipynb", kernel)
        link = await client.share(first)

        await api("PATCH", "contents/Untitled.ipynb", {"path": "bears.ipynb"})
        reader = context.store.catalog.reader
        await until(lambda: figures.find(reader, first["id"]).identity.notebook == "bears.ipynb")
        # Lists of sessions show the new name, although the kernel has not published since.
        assert sessions.find(reader, kernel).notebook == "bears.ipynb"
        # With jupyter_collaboration, front ends name the same file in another way.
        await api("PATCH", f"sessions/{session['id']}", {"path": "RTC:bears.ipynb"})
        for notebook in ("bears.ipynb", "RTC:bears.ipynb"):
            assert [one["id"] for one in (await owner.get("/api/figures", notebook=notebook)).json()["figures"]]
            (found,) = (await owner.get("/api/sessions", notebook=notebook)).json()["sessions"]
            assert (found["id"], found["notebook"]) == (kernel, "bears.ipynb")
        second = await client.publish(data=png(grey=1))
        assert (second["id"], second["notebook"], second["version"]) == (first["id"], "bears.ipynb", 2)

        (jp_root_dir / "bears.ipynb").rename(jp_root_dir / "wolves.ipynb")
        await api("PATCH", f"sessions/{session['id']}", {"path": "wolves.ipynb"})
        third = await client.publish(data=png(grey=2))
        assert (third["id"], third["notebook"], third["version"]) == (first["id"], "wolves.ipynb", 3)
        assert (await stranger.get(link["image_url"])).body == png(grey=2)
        assert [f["id"] for f in (await owner.get("/api/figures", session=kernel)).json()["figures"]] == [first["id"]]
        assert sessions.find(context.store.catalog.reader, kernel).notebook == "wolves.ipynb"

    async def test_figures_follow_a_notebook_that_no_front_end_has_open(
        self, api, evaluate, stranger, context, jp_create_notebook, jp_root_dir
    ):
        """Jupyter's session keeps the old path, also of a directory, until another file is there."""
        (jp_root_dir / "old").mkdir()
        jp_create_notebook("old/one.ipynb")
        session = await self.session(api, "old/one.ipynb")
        client = stranger.with_key((await self.environment(evaluate, session["kernel"]["id"]))["KERNEL_FIGSERVE_KEY"])
        first = await client.publish()
        notebook = lambda: figures.find(context.store.catalog.reader, first["id"]).identity.notebook  # noqa: E731
        for number, (path, new, found) in enumerate(
            [("old", "new", "new/one.ipynb"), ("new/one.ipynb", "new/two.ipynb", "new/two.ipynb")], 1
        ):
            await api("PATCH", f"contents/{path}", {"path": new})
            await until(lambda found=found: notebook() == found)
            again = await client.publish(data=png(grey=number))
            assert (again["id"], again["notebook"], again["version"]) == (first["id"], found, number + 1)
        (jp_root_dir / "old").mkdir()
        jp_create_notebook("old/one.ipynb")
        assert (await client.publish())["notebook"] == "old/one.ipynb"
        assert notebook() == "new/two.ipynb"

    async def test_copied_notebook_has_figures_of_its_own(self, api, evaluate, stranger, jp_create_notebook):
        """When a session moves to a copy of its notebook, the figures of the original stay with it."""
        for name in ("one.ipynb", "two.ipynb"):
            jp_create_notebook(name)
        session = await self.session(api, "one.ipynb")
        client = stranger.with_key((await self.environment(evaluate, session["kernel"]["id"]))["KERNEL_FIGSERVE_KEY"])
        first = await client.publish()
        await api("PATCH", f"sessions/{session['id']}", {"path": "two.ipynb"})
        second = await client.publish()
        assert second["id"] != first["id"]
        assert (await client.get(f"/api/figures/{first['id']}")).json()["notebook"] == "one.ipynb"


@pytest.mark.kernel
def test_projects_of_one_name_are_apart(make_server, tmp_path):
    """Notebooks of the same name on two servers with one data directory make two figures."""
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
