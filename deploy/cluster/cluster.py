"""`make cluster`: the parts of compose.yaml as processes on loopback, from the same configuration files.

Two servers with PostgreSQL, a bucket of SeaweedFS and two render workers behind HAProxy, all behind nginx. It waits until
they are healthy, publishes, shares and renders through nginx, checks both servers, and prints the addresses. Everything is
below a temporary directory, and all processes end with this one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from jupyter_figserve.demo.server_process import Response, fetch

DEPLOY = Path(__file__).resolve().parent.parent
PROGRAMS = {
    "nginx": "make deps",
    "haproxy": "make deps",
    "openssl": "make deps",
    "initdb": "make deps",
    "postgres": "make deps",
    "createdb": "make deps",
    "weed": "make install",
}
"""Programs that are needed, with the command that installs each."""
START_SECONDS, STOP_SECONDS = 90.0, 15.0
PUBLISH = """
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import jupyter_figserve as figserve

fig, ax = plt.subplots()
ax.plot([1, 3, 2])
print(figserve.publish(fig, "sales", title="Sales", collection="cluster").share(expires="1d").url)
"""
RENDER = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\n"


class ClusterError(Exception):
    """A part is missing, does not start, or answers wrongly; the text says which and what to do."""


def find_program(name: str) -> str | None:
    """Return the path of a program; Debian keeps some where a user's PATH does not lead."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    places = [Path(sys.executable).parent, *debian, Path("/usr/sbin")]
    return shutil.which(name) or next((str(place / name) for place in places if (place / name).exists()), None)


def check_programs() -> None:
    missing = [name for name in PROGRAMS if find_program(name) is None]
    if missing:
        commands = " and ".join(dict.fromkeys(PROGRAMS[name] for name in missing))
        raise ClusterError(f"Missing: {', '.join(missing)}. Install with: {commands}")


def program(name: str) -> str:
    found = find_program(name)
    assert found is not None, "check_programs() has found it"
    return found


def free_port() -> int:
    """Return a free port whose number plus 10,000 is free too, where SeaweedFS speaks gRPC."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                other.bind(("127.0.0.1", port + 10_000))
                return port


def substitute(text: str, replacements: Mapping[str, str]) -> str:
    """Replace the addresses of a configuration file; each must be in it."""
    for old, new in replacements.items():
        if old not in text:
            raise ClusterError(f"{old!r} is no longer in the file that it was to be replaced in.")
        text = text.replace(old, new)
    return text


@dataclass
class Processes:
    """The processes of the cluster, which end in the reverse order of their start.

    Parameters
    ----------
    home
        Directory of their files and logs.
    """

    home: Path
    running: list[tuple[str, subprocess.Popen[bytes], signal.Signals]] = field(default_factory=list)

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        stop: signal.Signals = signal.SIGTERM,
        user: int | None = None,
    ) -> None:
        with (self.home / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                cwd=self.home,
                start_new_session=True,
                user=user,
            )
        self.running.append((name, process, stop))

    def wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        """Wait until a part is ready.

        Raises
        ------
        ClusterError
            When it ends or is not ready in time; with the end of its log.
        """
        process = next(process for known, process, _ in self.running if known == name)
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                if is_ready():
                    print(f"  {name:<11} is ready (process {process.pid})", flush=True)
                    return
            if process.poll() is not None or time.monotonic() > deadline:
                log = (self.home / f"{name}.log").read_text(errors="replace")[-2_000:]
                raise ClusterError(f"{name} does not start. The end of its log:\n{log}")
            time.sleep(0.1)

    def stop(self) -> None:
        for _, process, how in reversed(self.running):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(how)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()


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
        self.services: dict[str, Any] = yaml.safe_load((DEPLOY / "cluster" / "compose.yaml").read_text())["services"]

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
            self.processes.wait(name, lambda url=url: fetch(url).status == 200)
        self._start_nginx()

    def stop(self) -> None:
        self.processes.stop()

    def _start_postgres(self) -> None:
        data, password, user = self.home / "postgres", self.home / "password", unprivileged_user()
        data.mkdir()
        password.write_text(self.password)
        options: dict[str, Any] = {"check": True, "capture_output": True, "cwd": self.home}
        if user is not None:
            os.chown(data, user, -1)
            os.chown(password, user, -1)
            options["user"] = user
        made = ["--auth=scram-sha-256", f"--pwfile={password}", "--username=figserve", "--encoding=UTF8", "--no-sync"]
        subprocess.run([program("initdb"), f"--pgdata={data}", *made], **options)
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
        own = [f"-dir={data}", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.volumeSizeLimitMB=64"]
        # Killed in the end: it would take ten seconds to stop, and nothing of it is kept.
        self.processes.start("seaweedfs", [program("weed"), "server", *own, *ports], self.bucket, stop=signal.SIGKILL)
        master = f"-master={self.address('master')}"

        def create_bucket() -> bool:
            shell = [program("weed"), "shell", master, f"-filer={self.address('filer')}"]
            done = subprocess.run(
                shell,
                input=b"s3.bucket.create -name figserve\ns3.bucket.list\n",
                capture_output=True,
                cwd=self.home,
                timeout=START_SECONDS,
            )
            return b"figserve" in done.stdout.partition(b"create bucket")[2]

        self.processes.wait("seaweedfs", lambda: fetch(f"http://{self.address('filer')}/").status < 500)
        if not create_bucket():
            raise ClusterError("The bucket could not be created.")

    def _start_worker(self, name: str) -> None:
        words = ["worker", "--ip", "127.0.0.1", "--port", str(self.ports[name]), *self.services[name]["command"]]
        self._start_figserve(name, words, {"FIGSERVE_WORKER_KEY": self.secrets["FIGSERVE_WORKER_KEY"]})

    def _start_haproxy(self) -> None:
        for name in ("worker-1", "worker-2"):
            url = f"http://{self.address(name)}/healthz"
            self.processes.wait(name, lambda url=url: fetch(url).status == 200)
        replacements = {
            "127.0.0.1:8750": self.address("haproxy"),
            "127.0.0.1:8751": self.address("worker-1"),
            "127.0.0.1:8752": self.address("worker-2"),
        }
        rules = self.home / "haproxy.cfg"
        rules.write_text(substitute((DEPLOY / "haproxy.cfg").read_text(), replacements))
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
        home, user = self.home, pwd.getpwuid(os.geteuid()).pw_name
        key, certificate = home / "privkey.pem", home / "fullchain.pem"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        subject = ["-subj", "/CN=figserve", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        files = ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run([program("openssl"), "req", "-x509", *curve, *subject, *files], check=True, capture_output=True)
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
        (home / "figserve.conf").write_text(substitute((DEPLOY / "nginx.conf").read_text(), replacements))
        temporary = "".join(
            f"{kind}_temp_path {home}/nginx-{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        owner = f"user {user};\n" if os.geteuid() == 0 else ""
        (home / "nginx.conf").write_text(
            f"{owner}daemon off;\npid {home}/nginx.pid;\nerror_log {home}/nginx-error.log;\n"
            f"events {{ worker_connections 1024; }}\nhttp {{\n{temporary}include {home}/figserve.conf;\n}}\n"
        )
        self.processes.start("nginx", [program("nginx"), "-e", f"{home}/nginx-error.log", "-c", f"{home}/nginx.conf"])
        self.processes.wait("nginx", lambda: fetch(f"{self.url}/figserve/api/health/ready").status == 200)


def unprivileged_user() -> int | None:
    """Return the user that runs PostgreSQL when root runs this program: it refuses root. None for oneself."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return users.get("postgres", users["nobody"])


def check(cluster: Cluster) -> str:
    """Publish, share and render through nginx, check both servers, and return a link.

    Raises
    ------
    ClusterError
        When an answer is wrong.
    """

    def expect(what: str, answer: Response, status: int, start: bytes = b"") -> Response:
        if answer.status != status or not answer.body.startswith(start):
            raise ClusterError(f"{what}: {answer.status} instead of {status}. {answer.text[:300]}")
        print(f"  {what}", flush=True)
        return answer

    api, login = f"{cluster.url}/figserve/api", {"Authorization": f"token {cluster.token}"}
    body = {"scopes": ["read", "publish", "render", "admin"], "label": "make cluster"}
    key = expect("a key is made", fetch(f"{api}/keys", method="POST", body=body, headers=login), 201).json()["key"]
    variables = {**os.environ, "FIGSERVE_URL": f"{cluster.url}/figserve", "FIGSERVE_API_KEY": key}
    done = subprocess.run([sys.executable, "-c", PUBLISH], env=variables, capture_output=True, text=True)
    if done.returncode != 0:
        raise ClusterError(f"publish and share failed:\n{done.stderr}")
    link = done.stdout.split()[-1]
    path = link.removeprefix(cluster.url)
    expect("the link opens for a stranger", fetch(link, headers={"Accept": "text/html"}), 200, b"<!doctype html>")
    image = expect("its image is there", fetch(f"{link}.png"), 200, b"\x89PNG").body
    for name in ("figserve-1", "figserve-2"):
        own = fetch(f"http://{cluster.address(name)}{path}.png")
        expect(f"and the same on {name}", own, 200, image)
    headers = {"X-API-Key": key}
    for name in ("worker-1", "worker-2"):
        rendered = fetch(f"{api}/renders", method="POST", body={"code": f"{RENDER}# {name}"}, headers=headers)
        expect("code is rendered by a worker", rendered, 200, b"\x89PNG")
    found = fetch(f"{api}/links/find", method="POST", body={"url": link}, headers=headers).json()
    second = fetch(f"{api}/figures/{found['target']['id']}/links", method="POST", body={}, headers=headers).json()
    revoke = fetch(f"{api}/links/{second['id']}", method="DELETE", headers=headers)
    expect("a second link is revoked", revoke, 204)
    for name in ("figserve-1", "figserve-2"):
        gone = fetch(f"http://{cluster.address(name)}{second['url'].removeprefix(cluster.url)}")
        expect(f"and gone on {name}", gone, 404)
        metrics = fetch(f"http://{cluster.address(name)}/figserve/metrics", headers=headers)
        expect(f"metrics of {name} are there", metrics, 200, b"# HELP figserve_")
    return link


@contextlib.contextmanager
def started() -> Iterator[Cluster]:
    """Start a cluster, which stops with the block."""
    # PostgreSQL's own user has to enter it.
    home = Path(tempfile.mkdtemp(prefix="figserve-cluster-")).resolve()
    home.chmod(0o711)
    cluster = Cluster(home)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make cluster ARGS=", description="Run the parts of a cluster on loopback.")
    parser.add_argument("--exit", action="store_true", help="stop after the checks; status 0 if all succeed")
    options = parser.parse_args()
    # As Ctrl-C: everything ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        check_programs()
        print("Starting a cluster on this machine ...", flush=True)
        with started() as cluster:
            print("Checking it through nginx ...", flush=True)
            link = check(cluster)
            if options.exit:
                print("All parts work together.")
                return 0
            print_addresses(cluster, link)
            signal.pause()
    except ClusterError as error:
        print(f"make cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe cluster has ended.")
    return 0


def print_addresses(cluster: Cluster, link: str) -> None:
    print(
        f"\n  link       {link}\n"
        f"  gallery    {cluster.url}/figserve/?token={cluster.token}\n"
        f"  servers    http://{cluster.address('figserve-1')}/figserve  http://{cluster.address('figserve-2')}/figserve\n"
        f"  workers    http://{cluster.address('worker-1')}  http://{cluster.address('worker-2')}"
        f"  behind http://{cluster.address('haproxy')}\n"
        f"  logs       {cluster.home}\n\n"
        "nginx has a certificate of its own, of which browsers warn. Stop with Ctrl-C."
    )


if __name__ == "__main__":
    sys.exit(main())
