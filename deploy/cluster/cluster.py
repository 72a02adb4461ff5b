"""The parts of a cluster on loopback, with the settings of compose.yaml. For `make cluster`."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from processes import Processes, free_port, program, run, substitute

from jupyter_figserve.demo.server_process import fetch

SHELL_SECONDS = 10.0
DEPLOY = Path(__file__).resolve().parent.parent


class Cluster:
    """The parts, their ports and their secrets."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.processes = Processes(home)
        names = ("nginx", "http", "haproxy", "worker-1", "worker-2", "figserve-1", "figserve-2", "postgres", "s3")
        self.ports = {name: free_port() for name in (*names, "master", "volume", "filer")}
        self.url = f"https://127.0.0.1:{self.ports['nginx']}"
        self.token, self.password = secrets.token_hex(24), secrets.token_hex(24)
        self.bucket = {
            "AWS_ACCESS_KEY_ID": "figserve",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(24),
            "AWS_ENDPOINT": f"http://127.0.0.1:{self.ports['s3']}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
        }
        self.secrets = {
            "FIGSERVE_SIGNING_SECRET": secrets.token_hex(32),
            "FIGSERVE_WORKER_KEY": secrets.token_hex(32),
            "JUPYTER_TOKEN": self.token,
            "PGPASSWORD": self.password,
        }
        self.services: dict[str, Any] = yaml.safe_load(
            (DEPLOY / "cluster" / "compose.yaml").read_text(encoding="utf-8")
        )["services"]

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    def start(self) -> None:
        """Start all parts, each when those that it needs are ready."""
        self._start_postgres()
        self._start_bucket()
        for name in ("worker-1", "worker-2"):
            self._start_worker(name)
        self._start_haproxy()
        for name in ("figserve-1", "figserve-2"):
            self._start_server(name)
        for name in ("figserve-1", "figserve-2"):
            url = f"http://{self.address(name)}/figserve/api/health/ready"
            self.processes.wait(name, partial(_answers, url))
        self._start_nginx()

    def stop(self) -> None:
        self.processes.stop()

    def _start_postgres(self) -> None:
        data, password, user = self.home / "postgres", self.home / "password", unprivileged_user()
        data.mkdir()
        password.write_text(self.password)
        options: dict[str, Any] = {"cwd": self.home}
        if user is not None:
            os.chown(data, user, -1)
            os.chown(password, user, -1)
            options["user"] = user
        made = ["--auth=scram-sha-256", f"--pwfile={password}", "--username=figserve", "--encoding=UTF8", "--no-sync"]
        run([program("initdb"), f"--pgdata={data}", *made], **options)
        password.unlink()
        settings = {"listen_addresses": "127.0.0.1", "port": self.ports["postgres"], "unix_socket_directories": ""}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.processes.start("postgres", [program("postgres"), "-D", str(data), *words], stop=signal.SIGINT, user=user)
        create = [
            program("createdb"),
            "-h",
            "127.0.0.1",
            "-p",
            str(self.ports["postgres"]),
            "-U",
            "figserve",
            "figserve",
        ]
        environment = {**os.environ, "PGPASSWORD": self.password}
        self.processes.wait(
            "postgres", lambda: subprocess.run(create, env=environment, capture_output=True).returncode == 0
        )

    def _start_bucket(self) -> None:
        data = self.home / "seaweedfs"
        data.mkdir()
        ports = [f"-{part}.port={self.ports[part]}" for part in ("s3", "master", "volume", "filer")]
        # Without these of compose.yaml, it would report to its makers, and listen at ports that others may use.
        options = re.compile(r"-master\.telemetry=|-s3\.port\.")
        ports += [word for word in self.services["seaweedfs"]["command"] if options.match(word)]
        own = [
            f"-dir={data}",
            "-s3",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=50",
        ]
        # Killed in the end: it would take ten seconds to stop, and nothing of it is kept.
        self.processes.start("seaweedfs", [program("weed"), "server", *own, *ports], self.bucket, stop=signal.SIGKILL)
        self.processes.wait("seaweedfs", lambda: fetch(f"http://{self.address('filer')}/").status < 500, quietly=True)
        self.processes.wait("seaweedfs", self._has_bucket, quietly=True)
        # Its first object makes the volumes, which takes longer than a server waits.
        first = f"http://{self.address('filer')}/buckets/figserve/ready"
        self.processes.wait("seaweedfs", lambda: fetch(first, method="PUT", body=b"1").status == 201)

    def _has_bucket(self) -> bool:
        """Create the bucket; the shell waits for ever where it came before the parts of SeaweedFS knew each other."""
        shell = [program("weed"), "shell", f"-master={self.address('master')}", f"-filer={self.address('filer')}"]
        words = b"s3.bucket.create -name figserve\n"
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(shell, input=words, capture_output=True, cwd=self.home, timeout=SHELL_SECONDS)
        return fetch(f"http://{self.address('filer')}/buckets/figserve/?limit=1").status == 200

    def _start_worker(self, name: str) -> None:
        words = ["worker", "--ip", "127.0.0.1", "--port", str(self.ports[name]), *self.services[name]["command"]]
        self._start_figserve(name, words, {"FIGSERVE_WORKER_KEY": self.secrets["FIGSERVE_WORKER_KEY"]})

    def _start_haproxy(self) -> None:
        for name in ("worker-1", "worker-2"):
            url = f"http://{self.address(name)}/healthz"
            self.processes.wait(name, partial(_answers, url))
        replacements = {
            "127.0.0.1:8750": self.address("haproxy"),
            "127.0.0.1:8751": self.address("worker-1"),
            "127.0.0.1:8752": self.address("worker-2"),
        }
        rules = self.home / "haproxy.cfg"
        rules.write_text(substitute((DEPLOY / "haproxy.cfg").read_text(encoding="utf-8"), replacements))
        self.processes.start("haproxy", [program("haproxy"), "-db", "-f", str(rules)])
        self.processes.wait("haproxy", lambda: fetch(f"http://{self.address('haproxy')}/healthz").status == 200)

    def _start_server(self, name: str) -> None:
        replacements = {
            "@postgres/": f"@{self.address('postgres')}/",
            "http://haproxy:8750": f"http://{self.address('haproxy')}",
            f"http://{name}:8765": f"http://{self.address(name)}",
        }
        settings = substitute("\n".join(self.services[name]["command"]), replacements)
        settings = re.sub(r"\$\{PUBLIC_URL[^}]*\}", self.url, settings)
        words = ["serve", "--port", str(self.ports[name]), "--data-dir", str(self.home / f"{name}-data")]
        self._start_figserve(name, [*words, *settings.split("\n")], self.secrets | self.bucket)

    def _start_figserve(self, name: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
        places = {f"JUPYTER_{kind}_DIR": str(self.home / f"{name}-{kind}") for kind in ("CONFIG", "DATA", "RUNTIME")}
        command = [sys.executable, "-m", "jupyter_figserve.cli", *words]
        self.processes.start(name, command, {**places, **environment})

    def _start_nginx(self) -> None:
        home = self.home
        key, certificate = home / "privkey.pem", home / "fullchain.pem"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        subject = ["-subj", "/CN=figserve", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        files = ["-keyout", str(key), "-out", str(certificate)]
        run([program("openssl"), "req", "-x509", *curve, *subject, *files])
        # This process and the clients that it starts trust the certificate.
        os.environ["SSL_CERT_FILE"] = str(certificate)
        replacements = {
            "127.0.0.1:8765": self.address("figserve-1"),
            "127.0.0.1:8766": self.address("figserve-2"),
            "listen 80;": f"listen {self.address('http')};",
            "listen 443 ssl": f"listen {self.address('nginx')} ssl",
            "/etc/ssl/figserve/": f"{home}/",
            "/var/cache/nginx/figserve": f"{home}/nginx-cache",
            "/var/log/nginx/figserve.log": f"{home}/nginx-access.log",
        }
        (home / "figserve.conf").write_text(
            substitute((DEPLOY / "nginx.conf").read_text(encoding="utf-8"), replacements)
        )
        temporary = "".join(
            f"{kind}_temp_path {home}/nginx-{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # Of an ordinary user, who may have no name in a container, nginx's workers are that user.
        owner = f"user {pwd.getpwuid(0).pw_name};\n" if os.geteuid() == 0 else ""
        (home / "nginx.conf").write_text(
            f"{owner}daemon off;\npid {home}/nginx.pid;\nerror_log {home}/nginx-error.log;\n"
            "events { worker_connections 1024; }\n"
            f"http {{\naccess_log off;\n{temporary}include {home}/figserve.conf;\n}}\n"
        )
        self.processes.start("nginx", [program("nginx"), "-e", f"{home}/nginx-error.log", "-c", f"{home}/nginx.conf"])
        self.processes.wait("nginx", lambda: fetch(f"{self.url}/figserve/api/health/ready").status == 200)


def _answers(url: str) -> bool:
    return fetch(url).status == 200


def unprivileged_user() -> int | None:
    """Return the user that runs PostgreSQL when root runs this program: it refuses root. None for oneself."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return users.get("postgres", users["nobody"])
