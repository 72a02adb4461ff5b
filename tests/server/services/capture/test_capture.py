"""Capture of every displayed image, in any kernel language, without harm to the server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import secrets
import signal
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_client.session import Session

from jupyter_figserve.model.figures import MARKER
from jupyter_figserve.model.quotas import Quota
from jupyter_figserve.server.services.capture.capture import SWITCHED_OFF, THROUGH_GATEWAY, Capture, CaptureLimits
from jupyter_figserve.server.services.sessions.directories import SessionDirectories

from ....conftest import require_package
from ....waiting import PATIENCE, until
from ...conftest import DEADLINE
from ...making import install_bash_kernel, showing
from ...sample_images import SVG, png

KEY = b"a key"


class Stream:
    """A fake ZMQ stream, which passes frames to its callback."""

    def __init__(self) -> None:
        self.receive: Any = None
        self._is_closed = False

    def on_recv(self, receive: Any) -> None:
        self.receive = receive

    def closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._is_closed, self.receive = True, None


class Kernel:
    """A fake kernel manager, whose kernel sends signed messages."""

    def __init__(self) -> None:
        self.session = Session(key=KEY)
        self.iopub_port = 1
        self.streams: list[Stream] = []

    def connect_iopub(self) -> Stream:
        self.streams.append(Stream())
        return self.streams[-1]

    def frames(self, kind: str, content: Any, parent: str = "r1", key: bytes = KEY, **metadata: Any) -> list[bytes]:
        sender = Session(key=key)
        message = sender.msg(kind, content, parent={"msg_id": parent, "session": "s"}, metadata=metadata)
        return [b"topic", *sender.serialize(message)]

    def send(self, kind: str, content: Any, parent: str = "r1", key: bytes = KEY) -> None:
        self.streams[-1].receive(self.frames(kind, content, parent, key))

    def begin(self, count: int, parent: str = "r1") -> None:
        self.send("execute_input", {"code": "", "execution_count": count}, parent)

    def show(self, data: bytes, parent: str = "r1", kind: str = "display_data", display_id: str | None = None) -> None:
        content = {"data": {"image/png": base64.b64encode(data).decode()}, "metadata": {}}
        self.send(kind, content | {"transient": {"display_id": display_id} if display_id else {}}, parent)


class Manager:
    """A fake of the wrapped methods."""

    def __init__(self) -> None:
        self.kernels: dict[str, Kernel] = {}
        self.calls: list[str] = []

    def get_kernel(self, kernel: str) -> Kernel:
        return self.kernels[kernel]

    def start_watching_activity(self, kernel: str) -> None:
        self.calls.append(f"start {kernel}")

    def stop_watching_activity(self, kernel: str) -> None:
        self.calls.append(f"stop {kernel}")

    def start(self, kernel: str) -> Kernel:
        self.kernels[kernel] = Kernel()
        self.start_watching_activity(kernel)
        return self.kernels[kernel]


@pytest.fixture
def directories(tmp_path):
    directories = SessionDirectories(tmp_path / "runtime")
    directories.open()
    yield directories
    directories.close()


@pytest.fixture
def manager() -> Manager:
    return Manager()


@pytest.fixture
def notified() -> list[tuple[str, list[str]]]:
    return []


@pytest.fixture
def make_capture(directories, manager, notified, jp_asyncio_loop):
    made = []

    def make(is_on: bool = True, **app: Any) -> Capture:
        capture = Capture(
            SimpleNamespace(kernel_manager=manager, **app),
            directories,
            CaptureLimits(Quota(10, 1_000_000), 100_000, 1_000_000),
            lambda: 1.0,
            lambda kernel, news: notified.append((kernel, [one.path for one in news])),
            off_reason=None if is_on else SWITCHED_OFF,
        )
        capture.open()
        made.append(capture)
        return capture

    yield make

    async def close() -> None:
        for capture in made:
            capture.close()

    jp_asyncio_loop.run_until_complete(close())


def paths(capture: Capture, kernel: str = "k") -> list[str]:
    return [one.path for one in capture.find_buffer(kernel)]


class TestMessages:
    """Messages of a kernel."""

    @pytest.fixture
    def capture(self, make_capture) -> Capture:
        return make_capture()

    @pytest.fixture
    def kernel(self, capture, manager) -> Kernel:
        return manager.start("k")

    async def test_displays_results_and_updates(self, capture, kernel):
        """Each shows an image; an update replaces the image of its display."""
        kernel.begin(1)
        kernel.show(png(), display_id="a")
        kernel.show(png(), kind="execute_result")
        kernel.show(png(grey=1), kind="update_display_data", display_id="a", parent="r2")
        assert paths(capture) == ["cell-1.png", "cell-1-2.png"]
        buffer = capture.find_buffer("k")
        assert buffer.read(next(iter(buffer))) == png(grey=1)

    async def test_clear_output_begins_anew(self, capture, kernel):
        """The next image replaces the one shown before."""
        kernel.begin(1)
        for grey in range(3):
            kernel.show(png(grey=grey))
            kernel.send("clear_output", {"wait": True})
        assert paths(capture) == ["cell-1.png"]

    async def test_our_own_displays_are_passed_over(self, capture, kernel):
        """Displays of published figures are skipped."""
        content = {"data": {"image/png": base64.b64encode(png()).decode()}, "metadata": {MARKER: {"figure": "x"}}}
        kernel.send("display_data", content | {"transient": {}})
        assert (paths(capture), capture.dropped) == ([], 0)

    async def test_other_messages_are_not_opened(self, capture, kernel, monkeypatch):
        """Only the headers of streams, statuses and comms are read."""
        monkeypatch.setattr(Session, "deserialize", lambda *_: pytest.fail("opened"))
        for kind in ("stream", "status", "comm_msg", "error", "iopub_welcome", "debug_event"):
            kernel.send(kind, {"text": "x"})
        assert capture.dropped == 0

    async def test_unsigned_messages_are_dropped(self, capture, kernel):
        """Another key, no key, changed content, and a replayed message."""
        kernel.begin(1)
        kernel.show(png())
        content = {"data": {"image/png": base64.b64encode(png()).decode()}, "metadata": {}, "transient": {}}
        again = kernel.frames("display_data", content)
        kernel.send("display_data", content, key=b"another")
        kernel.send("display_data", content, key=b"")
        changed = kernel.frames("display_data", content)
        changed[-1] = changed[-1].replace(b"image/png", b"image/jpg")
        for frames in (changed, again, again):
            kernel.streams[-1].receive(frames)
        assert (len(paths(capture)), capture.dropped) == (2, 4)

    @pytest.mark.parametrize(
        "frames",
        [
            [], [b""], [b"<IDS|MSG>"], [b"<IDS|MSG>"] * 9, [b"<IDS|MSG>", b"", b"{}"], [b"<IDS|MSG>", b"", b"[]"],
            [b"<IDS|MSG>", b"", b'{"msg_type": "display_data"}'], [b"<IDS|MSG>", b"", b"\xff"],
            [b"<IDS|MSG>", b"", b'{"msg_type": {"a": 1}}', b"{}", b"{}", b"{}"],
            [b"<IDS|MSG>", b"", b"[" * 100_000],
        ],
    )  # fmt: skip
    async def test_no_frames_break_anything(self, capture, kernel, frames):
        """Invalid frames are counted and dropped, and the next image is captured."""
        kernel.streams[-1].receive(frames)
        kernel.show(png())
        assert (paths(capture), capture.dropped) == (["plot.png"], 1)

    @pytest.mark.parametrize(
        "content", [None, [], "x", 3, {}, {"data": None}, {"data": {"image/png": 3}}, {"data": {"image/png": "ü"}}]
    )
    @pytest.mark.parametrize("kind", ["display_data", "update_display_data", "execute_input", "clear_output"])
    async def test_no_signed_content_breaks_anything(self, capture, kernel, kind, content):
        """Signed content of any shape is handled."""
        kernel.send(kind, json.dumps(content).encode())
        kernel.show(png())
        assert len(paths(capture)) == 1

    @pytest.mark.parametrize("parent", [None, [], "x", {"msg_id": 3}, {"msg_id": None}, {}])
    async def test_no_parent_breaks_anything(self, capture, kernel, parent):
        """A display without a valid parent belongs to no cell."""
        sender = Session(key=KEY)
        content = {"data": {"image/png": base64.b64encode(png()).decode()}, "metadata": {}, "transient": {}}
        message = sender.msg("display_data", content) | {"parent_header": parent}
        kernel.streams[-1].receive([b"topic", *sender.serialize(message)])
        assert paths(capture) in (["plot.png"], [])
        kernel.show(png())
        assert "plot" in paths(capture)[0]

    async def test_an_animation_is_told_of_now_and_then(self, capture, kernel, notified):
        """Thirty frames between two flushes are one event and one file."""
        for grey in range(30):
            kernel.show(png(grey=grey), display_id="a")
        await until(lambda: notified)
        assert notified == [("k", ["plot.png"])]
        buffer = capture.find_buffer("k")
        assert len(list(buffer.directory.iterdir())) == 1
        assert next(iter(buffer)).version == 30
        kernel.show(png(), display_id="a")
        subscription = capture._subscriptions["k"]
        assert subscription._flush_timer.when() >= subscription._last_flush + 1.0

    async def test_a_full_disk_is_logged_and_survived(self, capture, kernel, notified, monkeypatch, caplog):
        """An image that cannot be written is dropped, and the next one is written."""

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        buffer = capture.find_buffer("k")
        with monkeypatch.context() as patched:
            patched.setattr(buffer, "_write", full)
            kernel.show(png())
            await until(lambda: capture.dropped)
        assert "No space left on device" in caplog.text
        kernel.show(png())
        await until(lambda: notified)
        assert len(paths(capture)) == 1

    async def test_a_mark_is_waited_for(self, capture, kernel):
        """It arrives after all earlier displays; one that has already arrived is known."""
        waiting = asyncio.ensure_future(capture.wait_for_mark("k", "m1", DEADLINE))
        await asyncio.sleep(0)
        mark = {"data": {}, "metadata": {MARKER: {"mark": "m1"}}, "transient": {"display_id": "x"}}
        kernel.send("update_display_data", mark)
        assert await waiting
        assert await capture.wait_for_mark("k", "m1", 0)
        assert not await capture.wait_for_mark("k", "m2", 0)
        assert not await capture.wait_for_mark("other", "m1", 0)


class TestLife:
    """Kernels, sessions and servers that start and end."""

    async def test_the_managers_own_methods_are_called(self, make_capture, manager):
        """With their arguments."""
        make_capture()
        manager.start("k")
        manager.stop_watching_activity("k")
        assert manager.calls == ["start k", "stop k"]

    async def test_images_survive_a_restart(self, make_capture, manager):
        """Jupyter stops and starts watching when the ports change; the session stays the same."""
        capture = make_capture()
        kernel = manager.start("k")
        kernel.show(png())
        manager.stop_watching_activity("k")
        assert kernel.streams[0].closed()
        manager.start_watching_activity("k")
        kernel.show(png())
        assert paths(capture) == ["plot-2.png", "plot.png"]

    async def test_other_ports_after_a_crash_are_followed(self, make_capture, manager):
        """Changed ports are noticed without a message from Jupyter."""
        capture = make_capture()
        kernel = manager.start("k")
        capture.on_kernel_restarted("k")
        assert len(kernel.streams) == 1
        kernel.iopub_port = 2
        capture.on_kernel_restarted("k")
        assert [stream.closed() for stream in kernel.streams] == [True, False]
        capture.on_kernel_restarted("other")

    async def test_images_are_deleted_with_their_session(self, make_capture, manager):
        """Its files and its directory are deleted."""
        capture = make_capture()
        kernel = manager.start("k")
        kernel.show(png())
        directory = capture.find_buffer("k").directory
        capture.on_kernel_ended("k")
        assert capture.find_buffer("k") is None
        assert not directory.exists()
        assert kernel.streams[0].closed()
        capture.on_kernel_ended("k")

    async def test_kernels_that_went_without_a_word_are_swept(self, make_capture, manager):
        """Running kernels are left alone."""
        capture = make_capture()
        for name in ("k", "gone"):
            manager.start(name)
        capture.on_sweep({"k"})
        assert capture.find_buffer("gone") is None
        assert capture.find_buffer("k") is not None

    async def test_a_kernel_that_cannot_be_heard_starts_all_the_same(self, make_capture, manager, caplog):
        """The failure is logged and does not reach Jupyter."""
        capture = make_capture()
        manager.kernels["k"] = SimpleNamespace()
        manager.start_watching_activity("k")
        assert manager.calls == ["start k"]
        assert "are not captured" in caplog.text
        assert capture.dropped == 0

    async def test_close_restores_the_manager(self, make_capture, manager):
        """The instance has no wrapped methods afterwards."""
        capture = make_capture()
        kernel = manager.start("k")
        assert "start_watching_activity" in vars(manager)
        capture.close()
        assert {"start_watching_activity", "stop_watching_activity"}.isdisjoint(vars(manager))
        assert kernel.streams[0].closed()

    async def test_two_extensions_may_wrap(self, make_capture, manager):
        """Another extension's wrapper still works, whether it came before or after ours."""
        notified = []

        def wrap(name: str) -> None:
            below = manager.start_watching_activity

            def start_watching_activity(kernel: str) -> None:
                notified.append(name)
                below(kernel)

            manager.start_watching_activity = start_watching_activity

        wrap("earlier")
        capture = make_capture()
        wrap("later")
        manager.start("k")
        capture.close()
        manager.start("l")
        assert notified == ["later", "earlier"] * 2
        assert manager.calls == ["start k", "start l"]
        assert capture.find_buffer("l") is None

    async def test_switched_off_it_touches_nothing(self, make_capture, manager):
        """And reports the reason."""
        capture = make_capture(is_on=False)
        assert capture.off_reason == SWITCHED_OFF
        assert "start_watching_activity" not in vars(manager)

    async def test_behind_a_gateway_it_says_once_that_it_is_off(self, make_capture, manager, caplog):
        """In the log and in its state; the manager is not wrapped."""
        capture = make_capture(gateway_config=SimpleNamespace(gateway_enabled=True))
        manager.start("k")
        assert capture.off_reason == THROUGH_GATEWAY
        assert [record.message for record in caplog.records] == [THROUGH_GATEWAY]
        assert "start_watching_activity" not in vars(manager)

    async def test_without_a_runtime_directory_it_is_off(self, make_capture, manager, directories):
        """Images could not be stored anywhere."""
        directories.problem = "It cannot be written."
        capture = make_capture()
        manager.start("k")
        assert capture.off_reason == "It cannot be written."
        assert capture.find_buffer("k") is None

    async def test_the_methods_are_those_of_jupyter(self, jp_serverapp):
        """This fails for a version of Jupyter that lacks one of the wrapped methods."""
        manager = jp_serverapp.kernel_manager
        for name in ("start_watching_activity", "stop_watching_activity"):
            wrapped = vars(manager)[name]
            assert wrapped.__wrapped__.__func__ is getattr(type(manager), name)


@pytest.mark.kernel
class TestRealKernels:
    """An ipykernel and a bash kernel, started through Jupyter's API."""

    async def names(self, owner, kernel: str) -> list[str]:
        return [plot["path"] for plot in (await owner.get(f"/plots/{kernel}")).json()["plots"]]

    async def start(self, jupyter, context) -> str:
        kernel = await jupyter.start()
        await self.be_heard(jupyter, context, kernel)
        return kernel

    async def be_heard(self, jupyter, context, kernel: str) -> None:
        """Wait until displays arrive: those before a subscription has reached the kernel are lost."""
        async with asyncio.timeout(PATIENCE):
            is_heard = False
            while not is_heard:
                mark = secrets.token_hex(4)
                await jupyter.run(
                    kernel, f"display({{}}, raw=True, metadata={ {MARKER: {'mark': mark}} })", silent=True
                )
                is_heard = await context.capture.wait_for_mark(kernel, mark, 1.0)

    async def wait_for(self, context, kernel: str, count: int) -> None:
        await until(lambda: (buffer := context.capture.find_buffer(kernel)) is not None and len(buffer) >= count)

    @pytest.mark.compat
    async def test_every_kind_of_display(self, jupyter, owner, context):
        """Displays, results and updates of PNG and SVG are served unchanged; a published figure is not captured."""
        kernel = await self.start(jupyter, context)
        await jupyter.run(kernel, showing(png(), "a") + "\n" + showing(SVG, mimetype="image/svg+xml"))
        await jupyter.run(kernel, "from IPython.display import SVG\nSVG(" + repr(SVG.decode()) + ")")
        await jupyter.run(kernel, showing(png(grey=1), "a").replace(")", ", update=True)"))
        await jupyter.run(kernel, "import jupyter_figserve as f\nf.publish(" + repr(png(grey=2)) + ", 'own')")
        await jupyter.run(kernel, "f.last()")
        assert await self.names(owner, kernel) == ["own.png", "cell-1.png", "cell-2.svg", "cell-1-2.svg"]
        shown = await owner.get(f"/plots/{kernel}/cell-1.png")
        assert (shown.body, shown.mimetype) == (png(grey=1), "image/png")
        assert (await owner.get(f"/plots/{kernel}/cell-1-2.svg")).body == SVG

    @pytest.mark.compat
    async def test_restart_interrupt_and_shutdown(self, jupyter, owner, context):
        """Images survive a restart and an interrupt, and are deleted on shutdown."""
        kernel = await self.start(jupyter, context)
        await jupyter.run(kernel, showing(png()))
        await self.wait_for(context, kernel, 1)
        await jupyter.ask("POST", f"kernels/{kernel}/restart")
        await self.be_heard(jupyter, context, kernel)
        await jupyter.run(kernel, showing(png()))
        await self.wait_for(context, kernel, 2)
        await jupyter.ask("POST", f"kernels/{kernel}/interrupt")
        assert await self.names(owner, kernel) == ["run-2-cell-1.png", "cell-1.png"]
        await jupyter.ask("DELETE", f"kernels/{kernel}")
        await until(lambda: context.capture.find_buffer(kernel) is None)
        assert await self.names(owner, kernel) == []
        assert (await owner.get(f"/plots/{kernel}/cell-1.png")).json() == {
            "error": "Plot not found",
            "code": "plot_not_found",
        }

    async def test_a_crash_that_jupyter_mends(self, jupyter, owner, context):
        """The session continues, and later images are captured, too."""
        kernel = await self.start(jupyter, context)
        await jupyter.run(kernel, showing(png()))
        await self.wait_for(context, kernel, 1)
        process = int(await jupyter.run(kernel, "import os; print(os.getpid())"))
        manager = jupyter.manager.get_kernel(kernel)
        os.kill(process, signal.SIGKILL)
        await until(lambda: getattr(manager.provisioner, "pid", None) not in (None, process) and manager.ready.done())
        await self.be_heard(jupyter, context, kernel)
        await jupyter.run(kernel, showing(png(grey=1)))
        await self.wait_for(context, kernel, 2)
        assert await self.names(owner, kernel) == ["run-2-cell-1.png", "cell-1.png"]

    async def test_a_death_that_jupyter_does_not_tell(self, jupyter, owner, context, stranger):
        """When Jupyter gives up, the session ends: its key and plots are deleted, published figures stay."""
        kernel = await self.start(jupyter, context)
        code = "import os, json, jupyter_figserve as f\nf.publish(" + repr(png()) + ", 'stays')\n" + showing(png())
        code += "\n(f.plots_dir() / 'dropped.svg').write_text(" + repr(SVG.decode()) + ")"
        code += "\nprint(json.dumps([os.getpid(), os.environ['KERNEL_FIGSERVE_KEY'], str(f.plots_dir())]))"
        process, key, directory = json.loads(await jupyter.run(kernel, code))
        await self.wait_for(context, kernel, 1)
        assert len(await self.names(owner, kernel)) == 3
        jupyter.manager.get_kernel(kernel)._restarter.restart_limit = 0
        os.kill(process, signal.SIGKILL)
        await until(lambda: context.capture.find_buffer(kernel) is None)
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: None))
        assert await self.names(owner, kernel) == ["stays.png"]
        assert not os.path.exists(directory)
        assert (await stranger.with_key(key).get("/api/figures")).status == 401
        (session,) = (await owner.get("/api/sessions")).json()["sessions"]
        assert (session["id"], session["figures"], session["plots"]) == (kernel, 1, 0)
        assert session["ended"] is not None

    async def test_a_kernel_of_another_language(self, jupyter, owner, context, jp_data_dir, tmp_path):
        """Images that bash displays are captured, with their updates."""
        require_package("bash_kernel")
        install_bash_kernel(jp_data_dir)
        (tmp_path / "x.png").write_bytes(png())
        kernel = await jupyter.start("bash")
        await jupyter.run(kernel, f"cat {tmp_path}/x.png | display")
        await self.wait_for(context, kernel, 1)
        (name,) = await self.names(owner, kernel)
        assert (await owner.get(f"/plots/{kernel}/{name}")).body == png()
        assert name == "cell-1.png"
        await jupyter.run(kernel, f'cp {tmp_path}/x.png "$KERNEL_FIGSERVE_PLOTS/from bash.png"')
        assert (await owner.get(f"/plots/{kernel}/from%20bash.png")).body == png()


class TestSwitchedOff:
    @pytest.fixture
    def figserve_config(self):
        return {"capture": False}

    async def test_the_status_says_so(self, stranger):
        """With the reason."""
        assert (await stranger.get("/api/status")).json()["capture"] == {"on": False, "why": SWITCHED_OFF, "dropped": 0}

    @pytest.mark.kernel
    async def test_nothing_is_captured_and_last_says_why(self, jupyter, owner):
        """Files are still served."""
        kernel = await jupyter.start()
        await jupyter.run(kernel, showing(png()))
        code = "import jupyter_figserve as f\ntry: f.last()\nexcept f.FigServeError as error: print(error)"
        assert SWITCHED_OFF in await jupyter.run(kernel, code)
        await jupyter.run(kernel, "(f.plots_dir() / 'x.png').write_bytes(" + repr(png()) + ")")
        assert [plot["path"] for plot in (await owner.get(f"/plots/{kernel}")).json()["plots"]] == ["x.png"]


PUBLISH_AND_SHOW = f"""
import jupyter_figserve as f
f.publish({png()!r}, "stays")
{showing(png(grey=1))}
(f.plots_dir() / "dropped.svg").write_text({SVG.decode()!r})
print(f.last().path, f.plots_dir())
"""


@pytest.mark.kernel
class TestServers:
    """Servers in their own processes that stop, are killed, and start again."""

    @pytest.mark.parametrize("how", [pytest.param("stop", marks=pytest.mark.nightly), "kill"])
    def test_figures_survive_the_server_and_captured_plots_do_not(self, make_server, how):
        """The next start deletes the directories of a killed server and ends its sessions."""
        server = make_server()
        with server.kernel("a.ipynb") as kernel:
            path, directory = kernel.run(PUBLISH_AND_SHOW).stdout.split()
            plots = server.fetch(f"figserve/plots/{kernel.kernel_id}").json()["plots"]
            assert {plot["origin"] for plot in plots} == {"published", "captured", "file"}
            process = int(kernel.run("import os; print(os.getpid())").stdout)
            getattr(server, how)()
        assert os.path.exists(directory) == (how == "kill")
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        server.restart()
        plots = server.fetch(f"figserve/plots/{kernel.kernel_id}").json()["plots"]
        assert [(plot["path"], plot["origin"]) for plot in plots] == [("stays.png", "published")]
        assert server.fetch(plots[0]["url"]).body == png()
        assert server.fetch(f"figserve/plots/{kernel.kernel_id}/{path}").status == 404
        with server.kernel("a.ipynb") as another:
            assert "cell-1.png" in another.run(PUBLISH_AND_SHOW).stdout
        assert not os.path.exists(directory)
        if how == "kill":
            assert "Deleted the session directories of 1 servers that no longer run." in server.log

    @pytest.mark.nightly
    def test_behind_a_gateway_it_is_said_clearly(self, make_server):
        """Once in the log, and in the status; kernels start and have sessions."""
        gateway = make_server()
        url = f"--GatewayClient.url={gateway.url.rstrip('/')}"
        server = make_server(args=[url, f"--GatewayClient.auth_token={gateway.token}"])
        assert server.fetch("figserve/api/status").json()["capture"]["why"] == THROUGH_GATEWAY
        for _ in range(2):
            kernel = server.fetch("api/kernels", method="POST", body={"name": "python3"}).json()["id"]
        assert server.fetch(f"figserve/plots/{kernel}").json() == {"session": kernel, "plots": []}
        last = server.fetch(f"figserve/api/sessions/{kernel}/last")
        assert (last.status, last.json()["code"]) == (409, "capture_off")
        assert server.log.count(THROUGH_GATEWAY) == 1
