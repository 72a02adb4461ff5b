"""A server with a certificate of a private authority for another host name: publishing and live figures agree."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from ...cli.conftest import SpecialServer
from ...homes import new_home
from ...waiting import wait_until

pytestmark = pytest.mark.kernel
DECLARE = """
import os, warnings
import jupyter_figserve as figserve
from matplotlib.figure import Figure

def draw():
    fig = Figure(figsize=(1, 1))
    fig.subplots()
    return fig
"""
LIVE = """
@figserve.live
def animal():
    return draw()
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    """Files ``ca.pem``, and ``cert.pem`` with ``key.pem``, which names neither this machine nor loopback."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing: make deps")
    home = tmp_path_factory.mktemp("tls")
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    authority = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Private authority"]
    names = ["-subj", "/CN=plots.example.org", "-addext", "subjectAltName=DNS:plots.example.org"]
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "key.pem", "-out", "cert.pem"]
    for command in (authority, [*signed, *names, "-addext", "basicConstraints=critical,CA:FALSE"]):
        subprocess.run([*made, *command], cwd=home, check=True, capture_output=True)
    return home


@pytest.fixture(scope="module")
def tls_server(certificates):
    with pytest.MonkeyPatch.context() as patch:
        # The test's own requests do not check the certificate.
        patch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
        home = new_home()
        server = SpecialServer(home, certificate=(certificates / "cert.pem", certificates / "key.pem"))
        server.start()
        yield server
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def test_publishing_and_live_figures_trust_the_same(tls_server, certificates):
    """The server's own certificate, and another authority that is set, but none else; advice is given once."""
    with tls_server.kernel("tls.ipynb") as kernel:
        for name in ("", "ca.pem"):
            if name:
                kernel.run(f"os.environ['KERNEL_FIGSERVE_CA'] = {str(certificates / name)!r}")
            execution = kernel.run(f"{DECLARE}{LIVE}\nprint(figserve.publish(draw(), 'one').version, animal.url())")
            assert execution.error is None, execution.error
            assert "SSL" not in execution.stdout + execution.stderr
            path = f"figserve/live/{kernel.kernel_id}/animal.png"
            wait_until(lambda p=path: tls_server.fetch(p).status == 200)
        other = "import ssl; os.environ['KERNEL_FIGSERVE_CA'] = ssl.get_default_verify_paths().cafile or ''"
        assert kernel.run(other).error is None
        first, second = kernel.run(LIVE), kernel.run(LIVE)
        assert "Set KERNEL_FIGSERVE_CA to" in first.stderr
        assert second.stderr == ""
        error = kernel.run("figserve.publish(draw(), 'two')").error
        assert "is not trusted" in error
        assert "Set KERNEL_FIGSERVE_CA to" in error
