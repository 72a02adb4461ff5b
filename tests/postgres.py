"""A private PostgreSQL: a cluster of its own in a temporary directory, on a Unix socket, which tests may stop."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .waiting import PATIENCE

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
"""Debian's directories, the newest first; they are not on the PATH."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "''",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "autovacuum": "off",
    "log_min_messages": "log",
}


def find_binary(name: str) -> str | None:
    return shutil.which(name) or next((str(path / name) for path in BINARIES if (path / name).exists()), None)


class Cluster:
    """A server that listens on a Unix socket only."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._data = home / "data"
        self._user = _unprivileged_user()
        self._server: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            os.chown(home, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "--no-sync", "--auth=trust", "--username=figserve", "--encoding=UTF8", "--locale=C.UTF-8")
        with open(self._data / "postgresql.conf", "a", encoding="utf-8") as file:
            settings = _SETTINGS | {"unix_socket_directories": f"'{home}'"}
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def url(self, database: str) -> str:
        return f"postgresql://figserve@/{database}?host={self.home}"

    def connect(self, database: str = "postgres") -> Any:
        import psycopg

        return psycopg.connect(f"user=figserve dbname={database} host={self.home}", autocommit=True)

    @property
    def is_running(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        program = find_binary("postgres")
        assert program is not None
        self._server = server = subprocess.Popen(
            [program, "-D", str(self._data)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.home,
            preexec_fn=_end_with_parent,
            **self._identity,
        )
        is_ready, lines = threading.Event(), []
        threading.Thread(target=_read_log, args=(server.stdout, lines, is_ready), daemon=True).start()
        assert is_ready.wait(PATIENCE), lines
        assert server.poll() is None, lines

    def stop(self) -> None:
        """At once, as if it crashed."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(60)
            self._server = None

    def processes(self, database: str | None = None) -> list[int]:
        """The postmaster and its children, or those that serve connections to a database."""
        if database is not None:
            with self.connect() as connection:
                found = connection.execute("select pid from pg_stat_activity where datname = %s", (database,))
                return [pid for (pid,) in found.fetchall()]
        assert self._server is not None
        postmaster = self._server.pid
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text(encoding="utf-8").split()
        return [postmaster, *map(int, children)]

    @contextmanager
    def frozen(self, processes: Sequence[int] | None = None) -> Iterator[None]:
        """All of its processes, or some, stand still: connections stay open, and nothing answers."""
        pids = self.processes() if processes is None else list(processes)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def _run(self, program: str, *arguments: str) -> None:
        found = find_binary(program)
        assert found is not None
        subprocess.run(
            [found, "--pgdata", str(self._data), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self.home,
            timeout=120,
            **self._identity,
        )

    @property
    def _identity(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def _read_log(log: IO[bytes], lines: list[bytes], is_ready: threading.Event) -> None:
    """Read the log to its end, as the server waits for its readers; keep the lines before it was ready."""
    with log:
        for line in log:
            if b"ready to accept connections" in line:
                is_ready.set()
            elif not is_ready.is_set():
                lines.append(line)
    is_ready.set()


def _end_with_parent() -> None:
    """Make the server crash when the tests are killed: it would go on for ever. Linux only (prctl(2))."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _unprivileged_user() -> pwd.struct_passwd | None:
    """The user that runs the server when root runs the tests: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


@contextmanager
def private_cluster(*databases: str) -> Iterator[Cluster]:
    """A running cluster with these databases, which are empty."""
    # A short path: that of a Unix socket has at most 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="figserve-pg-", dir="/tmp"))
    cluster = Cluster(home)
    cluster.start()
    try:
        with cluster.connect() as connection:
            for name in databases:
                connection.execute(f"create database {name}")
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


class Databases:
    """Empty catalogs in one cluster, which are emptied and used again: creating tables takes long."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._free: list[str] = []
        self._count = 0

    def take(self, fill: Callable[[str], None]) -> str:
        """Return the name of a database without rows; ``fill`` creates the tables in a new one."""
        if self._free:
            name = self._free.pop()
            self._empty(name)
            return name
        self._count += 1
        name = f"catalog_{self._count}"
        with self.cluster.connect() as connection:
            connection.execute(f"create database {name}")
        fill(self.cluster.url(name))
        return name

    def give_back(self, name: str) -> None:
        self._free.append(name)

    def _empty(self, name: str) -> None:
        with self.cluster.connect(name) as connection:
            names = connection.execute(
                "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
            ).fetchall()
            tables = [table for (table,) in names if table not in ("meta", "alembic_version")]
            deletions = "; ".join(f"delete from {table}" for table in sorted(tables, key="figures".__eq__))
            connection.execute(f"{deletions}; alter sequence events_id_seq restart")
