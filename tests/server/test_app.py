"""The extension: start, stop, and invalid settings."""

from __future__ import annotations

import asyncio
import signal

import pytest
from traitlets.config import Config

from jupyter_figserve.errors import FigServeError
from jupyter_figserve.server import guarded_start
from jupyter_figserve.server.app import FigServe
from jupyter_figserve.server.web.routes import make_routes
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.catalog import links

from .conftest import DEADLINE


class TestUnderAHub:
    @pytest.fixture
    def jp_environ(self, jp_environ, monkeypatch):
        monkeypatch.setenv("JUPYTERHUB_SERVER_NAME", "gpu")
        monkeypatch.setenv("JUPYTERHUB_USER", "ann")

    async def test_scope_is_the_servers_name(self, context):
        """Its root directory may change with a rebuild."""
        assert (context.config.owner, context.config.scope) == ("ann", "hub gpu")


async def test_scope_is_the_real_root(context, jp_root_dir):
    """Two paths of one directory are one project."""
    assert context.config.scope == str(jp_root_dir.resolve())


async def test_status_lists_the_facilities(owner, stranger, make_key):
    """It shows anyone the version, host and limits, and the counts to whoever is logged in or has a key."""
    before = (await owner.get("/api/status")).json()
    await owner.publish()
    assert set(before["counts"].values()) == {0}
    assert (await owner.get("/api/status")).json()["counts"]["figures"] == 1
    assert set((await owner.get("/api/status")).json()["loop"]["lag_ms"]) == {"mean", "p99", "max"}
    assert "loop" not in (await stranger.with_key(await make_key("read")).get("/api/status")).json()
    assert "loop" not in (await stranger.get("/api/status")).json()
    assert (await stranger.with_key(await make_key("read")).get("/api/status")).json()["counts"]["figures"] == 1
    after = (await stranger.get("/api/status")).json()
    assert "counts" not in after
    assert "counts" not in (await stranger.with_key("fsk_wrong").get("/api/status")).json()
    assert after["capture"] == {"on": True, "why": None, "dropped": 0}
    assert after["host"] == "extension"
    assert after["writable"] is True
    assert after["sandbox"]["tier"] == "FULL"
    assert after["limits"]["render_pixels"] == 25_000_000


async def test_counts_are_the_callers_own(owner, stranger, make_key):
    """Not those of other owners, nor of all together, even for the scope admin."""
    await owner.publish()
    for scopes in (["read"], ["read", "admin"]):
        client = stranger.with_key(await make_key(*scopes, owner="bob"))
        assert set((await client.get("/api/status")).json()["counts"].values()) == {0}


class TestNoOpenAccess:
    """With ``ServerApp.allow_unauthenticated_access = False``."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        jp_server_config["ServerApp"]["allow_unauthenticated_access"] = False
        return jp_server_config

    async def test_no_warning_names_our_handlers(self, owner, stranger, recwarn, caplog):
        """Every method declares its access, so Jupyter logs no warning, and public methods stay public."""
        link = await owner.share(await owner.publish())
        assert (await stranger.get(link["url"])).status == 200
        assert (await stranger.get("/api/status")).status == 200
        assert (await stranger.get("/nothing")).status == 404
        messages = [str(warning.message) for warning in recwarn] + [record.getMessage() for record in caplog.records]
        for name in {handler.__name__ for _, handler in make_routes()}:
            assert not [text for text in messages if name in text and "authentic" in text.lower()]


class TestStop:
    async def test_stopping_restores_wrapped_methods(self, figserve, jp_serverapp):
        """The kernel manager is restored, the store is closed, timers and streams end."""
        wrapped = jp_serverapp.kernel_manager.start_kernel
        assert wrapped.__wrapped__ is not None
        await figserve.stop_extension()
        assert jp_serverapp.kernel_manager.start_kernel == wrapped.__wrapped__
        assert not figserve._timer.is_running()

    async def test_views_are_written_before_the_end(self, figserve, owner, stranger, context):
        """Views that are counted in memory are not lost."""
        link = await owner.share(await owner.publish())
        await stranger.get(link["url"])
        await figserve.stop_extension()
        store = open_store(context.store.directory)
        try:
            assert links.find(store.catalog.reader, link["id"]).seen == 1
        finally:
            store.close()


class TestReadOnly:
    """A store that is not writable still serves its figures."""

    async def test_reading_goes_on_and_writing_says_why(self, owner, stranger, context):
        """Pages and images work; every change is 503 with the reason."""
        figure = await owner.publish()
        link = await owner.share(figure)
        context.store.catalog.read_only_because = "the disk is read-only"
        for client, path in ((owner, figure["url"]), (stranger, link["url"]), (stranger, link["image_url"])):
            assert (await client.get(path)).status == 200
        answer = await owner.ask("POST", "/api/figures", b"<svg/>", {"Content-Type": "image/svg+xml"}, name="x")
        assert (answer.status, answer.code) == (503, "store_read_only")
        assert "the disk is read-only" in answer.json()["error"]
        assert (await owner.delete(f"/api/links/{link['id']}")).status == 503
        assert (await stranger.get("/api/status")).json()["writable"] is False


class TestWrongSetting:
    """An invalid setting, for which Jupyter would drop all others and use the defaults."""

    CONFIG = 'c.FigServe.keep_session_plots = "7 dayz"\nc.FigServe.link_max_age = "1d"\n'

    @pytest.fixture
    def config(self, tmp_path):
        path = tmp_path / "jupyter_server_config.py"
        path.write_text(self.CONFIG, encoding="utf-8")
        return path

    def test_the_extension_is_switched_off(self, make_server, config, tmp_path):
        """Links with a configured limit are not served without it; the log has the reason, and Jupyter continues."""
        server = make_server(args=[f"--config={config}"], data_dir=tmp_path / "figures")
        answer = server.fetch("figserve/f/" + "x" * 32)
        assert (answer.status, answer.json()["code"]) == (503, "not_started")
        assert "7 dayz" not in answer.text
        assert not (server.data_dir / "catalog.db").exists()
        assert "jupyter_figserve is switched off, because a FigServe setting is invalid: '7 dayz'" in server.log
        assert "Traceback" not in server.log
        assert server.fetch("api/kernelspecs").status == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 0
        assert "Traceback" not in server.log

    def test_right_again_it_is_loaded(self, make_server, config):
        """With the setting corrected, the others apply, too."""
        config.write_text(self.CONFIG.replace("7 dayz", "7d"), encoding="utf-8")
        server = make_server(args=[f"--config={config}"])
        assert server.fetch("figserve/api/status").json()["limits"]["link_max_age"] == 86_400

    def test_a_wrong_type_is_explained(self, make_server, config):
        """Beside the types, which traitlets names, stand what the setting is for and its default."""
        config.write_text("c.FigServe.owner_quota = 5", encoding="utf-8")
        log = make_server(args=[f"--config={config}"]).log
        assert "expected a dict, not the int 5. About owner_quota: Maximum number of figures" in log
        assert "Its default is {'figures': " in log


class TestFailedStart:
    """What goes wrong while the services start, after the settings were accepted."""

    @pytest.fixture
    def make_app(self, jp_serverapp, tmp_path):
        def make(**traits: object) -> FigServe:
            app = FigServe()
            jp_serverapp.update_config(Config(FigServe={"data_dir": str(tmp_path / "other"), **traits}))
            app._link_jupyter_server_extension(jp_serverapp)
            return app

        return make

    async def test_store_is_closed(self, make_app, tmp_path, jp_serverapp, monkeypatch, capsys):
        """A service that cannot start closes those before it, and the extension still stops."""

        def fail(directory: object) -> None:
            raise OSError(28, "No space left on device", str(tmp_path / "signing.keys"))

        monkeypatch.setattr("jupyter_figserve.server.config.replicas.read_secrets", fail)
        start_kernel = jp_serverapp.kernel_manager.start_kernel
        app = make_app()
        app.initialize()
        assert "signing.keys: No space left on device. Correct it and restart the server." in capsys.readouterr().err
        assert jp_serverapp.kernel_manager.start_kernel == start_kernel
        store = open_store(tmp_path / "other", network_type="nfs")
        store.close()
        await app.stop_extension()

    async def test_standalone_server_raises(self, make_app, jp_serverapp, monkeypatch):
        """There is nothing else to serve."""
        jp_serverapp.reraise_server_extension_failures = True
        with pytest.raises(FigServeError, match="setting is invalid"):
            make_app(live_queue="many").initialize()

    async def test_nan_is_no_number(self, make_app, tmp_path, capsys):
        """No limit of a trait refuses it; a timer at such a time would disturb all others."""
        app = make_app(body_timeout=float("nan"))
        app.initialize()
        assert "a FigServe setting is invalid: body_timeout is nan. Give it a number." in capsys.readouterr().err
        assert not (tmp_path / "other" / "catalog.db").exists()
        await app.stop_extension()

    async def test_wrong_value_in_a_file_of_ours(self, make_app, monkeypatch, capsys):
        """For which traitlets would end the whole server."""

        def load(self: object) -> None:
            try:
                raise ValueError("7 dayz")
            except ValueError:
                raise SystemExit(1)  # noqa: B904 - as traitlets does it

        monkeypatch.setattr(FigServe, "load_config_file", load)
        app = make_app()
        app.initialize()
        assert "ValueError: 7 dayz" in capsys.readouterr().err

    async def test_every_service_is_ended(self, figserve, context, monkeypatch, caplog):
        """One that fails or hangs does not keep the others, and the server, from ending."""

        async def hang() -> None:
            await asyncio.Event().wait()

        def fail() -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(guarded_start, "STOP_SECONDS", 0.01)
        figserve.on_stop(hang, fail)
        await figserve.stop_extension()
        assert "RuntimeError: broken" in caplog.text
        assert "without waiting for" in caplog.text
        assert not figserve._timer.is_running()
