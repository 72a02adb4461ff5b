"""TLS of connections: trusted authorities and host names."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from jupyter_figserve.errors import InvalidInput, NotConnected
from jupyter_figserve.kernel.client.address import parse_exact
from jupyter_figserve.kernel.client.connection_pool import open_connection
from jupyter_figserve.kernel.client.tls import make_tls_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Path:
    """A self-signed certificate for a public host name; its key is in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing: make deps")
    path = tmp_path_factory.mktemp("tls") / "cert.pem"
    names = ["-subj", "/CN=plots.example.org", "-addext", "subjectAltName=DNS:plots.example.org"]
    made = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run([openssl, "req", "-x509", *made, *names], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text(encoding="utf-8"))
    return path


@pytest.fixture
def tls_port(authority):
    """A listener that accepts one TLS handshake."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as sock:
                sock.recv(1)

        thread = threading.Thread(target=shake)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_certificates_are_always_checked():
    """Without a file, the system's authorities and the host name decide."""
    context = make_tls_context(parse_exact("https://127.0.0.1/figserve"), None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(("url", "checked"), [("https://127.0.0.1/figserve", False), ("https://host/figserve", True)])
def test_ca_file_for_loopback(authority, url, checked):
    """A kernel on the same machine connects to 127.0.0.1, which the certificate does not name."""
    context = make_tls_context(parse_exact(url), str(authority))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is checked


def test_a_missing_authority_is_named(tmp_path):
    """The message contains the variable and the file."""
    with pytest.raises(InvalidInput, match="KERNEL_FIGSERVE_CA"):
        make_tls_context(parse_exact("https://host/figserve"), str(tmp_path / "none.pem"))


def test_named_authority_is_trusted(authority, tls_port):
    """The file is enough, although the certificate names another host than 127.0.0.1."""
    connection = open_connection(parse_exact(f"https://127.0.0.1:{tls_port}/figserve"), str(authority), 5, 7)
    assert connection.sock.version().startswith("TLS")
    assert connection.sock.gettimeout() == 7
    connection.close()


def test_unknown_authority_is_explained(tls_port):
    """The message names the variable to set."""
    with pytest.raises(NotConnected, match="KERNEL_FIGSERVE_CA") as caught:
        open_connection(parse_exact(f"https://127.0.0.1:{tls_port}/figserve"), None, 5, 5)
    assert caught.value.code == "certificate"


@pytest.mark.parametrize("is_directory", [False, True])
def test_bundle_of_requests_is_trusted_without_a_file_of_our_own(authority, monkeypatch, tmp_path, is_directory):
    """A file or a directory; one that is missing is no error, since the variable is for others."""
    address = parse_exact("https://host/figserve")
    default = make_tls_context(address, None).cert_store_stats()["x509"]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path if is_directory else authority))
    found = make_tls_context(address, None).cert_store_stats()["x509"]
    assert found == default + (0 if is_directory else 1)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    assert make_tls_context(address, None).cert_store_stats()["x509"] == default
