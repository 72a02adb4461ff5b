"""Buckets for tests: moto's in this process, and a real SeaweedFS server."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..ports import free_port

KEY, SECRET = "figserve", "figserve-secret"
START_SECONDS = 90.0


def credentials(port: int) -> dict[str, str]:
    """Return the environment in which obstore reaches a server on this machine."""
    return {
        "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }


@contextlib.contextmanager
def moto() -> Iterator[Mapping[str, str]]:
    """Run moto's S3, with the bucket ``figures``; it checks no credentials."""
    import requests
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        requests.put(f"http://127.0.0.1:{port}/figures", timeout=10).raise_for_status()
        yield credentials(port)
    finally:
        server.stop()


class SeaweedFS:
    """A ``weed server`` with S3, on ports of loopback that nobody uses."""

    def __init__(self, program: str, directory: Path) -> None:
        master, volume, filer, s3 = (free_port(10_000) for _ in range(4))
        config = directory / "s3.json"
        identity = {"name": KEY, "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
        config.write_text(json.dumps({"identities": [identity]}))
        self.environment = credentials(s3)
        self._log = open(directory / "log", "wb")  # noqa: SIM115 - closed by stop()
        own = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=20", "-master.volumeSizeLimitMB=64"]
        # By default it reports to its makers, and listens at two fixed ports for catalogs of tables.
        own += ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        ports = [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
        self._process = subprocess.Popen(
            [program, "server", f"-dir={directory}", *own, *ports, "-s3", f"-s3.config={config}"],
            stdout=self._log,
            stderr=self._log,
        )

    def wait(self) -> None:
        """Wait until an object can be written, which is later than the first answer."""
        from jupyter_figserve.errors import FigServeError
        from jupyter_figserve.store.files.object_storage import ObjectStorage

        objects, deadline = ObjectStorage("s3://figures/ready", 5.0), time.monotonic() + START_SECONDS
        try:
            while True:
                try:
                    objects.run(objects.put("object", b"1"))
                    return
                except FigServeError:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        raise
        finally:
            objects.close()

    def freeze(self) -> None:
        """Stop answering, without closing connections."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        # It takes ten seconds to end otherwise, and nothing of it is needed.
        self._process.kill()
        self._process.wait()
        self._log.close()
