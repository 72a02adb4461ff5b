"""A process that publishes without end is killed at any moment; then all that it acknowledged must be there and whole.

Used by a few kills in every run (``tests/security/test_storage.py``) and by fifty in ``test_kills.py``.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from jupyter_figserve.demo.server_process import ServerProcess
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.links import FIGURE, Target, hash_secret
from jupyter_figserve.model.quotas import PublishLimits
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.admin.rebuild import restore
from jupyter_figserve.store.catalog import figures, links, tables
from jupyter_figserve.store.catalog.sqlite import SqliteCatalog
from jupyter_figserve.store.files.manifest_formats import FigureManifest
from jupyter_figserve.store.store import Store
from tests.server.sample_images import png
from tests.store.making import assert_sound, other_process, read_line, run, stored_files

ALL_VERSIONS = PublishLimits(keep_versions=0)

_PUBLISHER = """
import itertools, os, sys
from pathlib import Path
from jupyter_figserve.store.admin.opening import open_store
from tests.soak.killing import ALL_VERSIONS
from tests.store.making import draft, run, share
from tests.tokens import new_token
store = open_store(Path(sys.argv[1]), limits=ALL_VERSIONS)
for n in itertools.count():
    name = f"figure {n % 3}" if n % 4 else f"{sys.argv[2]} {n}"
    record = run(store.figures.publish(draft(name, os.urandom(100 + n * 997 % 60_000), thumbnail=os.urandom(4_000))))
    print("figure", record.id, record.version.number, record.version.representations[0].digest, flush=True)
    if n % 5 == 0:
        token = new_token()
        share(store, record.id, token)
        print("link", record.id, token, flush=True)
"""


@dataclass
class Promised:
    """Acknowledged versions (digests by figure and number) and acknowledged links (figures by token)."""

    versions: dict[tuple[str, int], str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def note(self, line: str) -> None:
        """One whole line of the publisher."""
        kind, figure, *rest = line.split()
        if kind == "figure":
            self.versions[figure, int(rest[0])] = rest[1]
        else:
            self.tokens[rest[0]] = figure


def kill_publisher(directory: Path, promised: Promised, chance: random.Random) -> None:
    """Let a process publish, kill it at a random moment, and return what it had acknowledged."""
    with other_process(_PUBLISHER, directory, f"run-{chance.getrandbits(32):08x}") as process:
        for _ in range(chance.randrange(1, 25)):
            promised.note(read_line(process))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, 0.02))
        process.kill()
        rest = process.stdout.read() if process.stdout else ""
    for line in rest.splitlines(keepends=True):
        if line.endswith("\n"):
            promised.note(line)


def assert_kept(directory: Path, promised: Promised) -> None:
    """Everything acknowledged exists and is intact; nothing is partial or left over; the manifests agree."""
    store = open_store(directory, limits=ALL_VERSIONS)
    try:
        for (figure, number), digest in promised.versions.items():
            version = run(store.figures.get(figure, number)).version
            assert version.representations[0].digest == digest
            for part in version.parts:
                data = store.blobs.find(part.digest)
                assert data is not None
                assert (sha256_hex(data), len(data)) == (part.digest, part.size)
        for token, figure in promised.tokens.items():
            assert links.find_by_token(store.catalog.reader, token).target.id == figure
        assert_sound(store)
        files = stored_files(directory)
        assert [name for name in files if "tmp" in name or "probe" in name or "journal" in name] == []
        _assert_manifests_agree(store)
    finally:
        store.close()


def _assert_manifests_agree(store: Store) -> None:
    """Each figure's has the catalog's versions and links, and at most one unacknowledged change more."""
    manifests = list(store.manifests.figures.read_all())
    assert all(isinstance(manifest, FigureManifest) for manifest in manifests)
    by_id = {manifest.record.id: manifest for manifest in manifests}
    reader = store.catalog.reader
    for figure in reader.execute(sa.select(tables.figures.c.id)).scalars():
        known, manifest = figures.list_versions(reader, figure), by_id[figure]
        assert list(manifest.versions[-len(known) :]) == known
        assert len(manifest.versions) <= len(known) + 1
        assert set(links.list_for_target(reader, Target(FIGURE, figure))) <= set(manifest.links)
    catalog = SqliteCatalog(None)
    try:
        done = catalog.write(lambda c: restore(c, store.manifests, store.blobs)).result()
    finally:
        catalog.close()
    assert (done.unreadable, done.incomplete) == ((), ())
    assert done.figures + len(done.duplicates) == len(manifests)


def kill_server(server: ServerProcess, promised: Promised, chance: random.Random) -> None:
    """Publish to a running server over HTTP from two clients, kill it meanwhile, and record what it acknowledged."""
    enough = threading.Event()
    wanted = len(promised.versions) + chance.randrange(2, 12)

    def client(name: str) -> None:
        grey = chance.randrange(256)
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                data = png(grey % 256 + 1, grey // 256 % 256 + 1, grey % 256)
                answer = server.fetch(
                    f"figserve/api/figures?name={name}",
                    method="POST",
                    body=data,
                    headers={"Content-Type": "image/png"},
                )
                assert answer.status in (200, 201), answer.text
                record = answer.json()
                promised.versions[record["id"], record["version"]] = sha256_hex(data)
                grey += 1
                if len(promised.versions) >= wanted:
                    enough.set()

    threads = [threading.Thread(target=client, args=(name,)) for name in ("sales", "costs")]
    for thread in threads:
        thread.start()
    assert enough.wait(120)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.process.wait(chance.uniform(0, 0.02))
    server.kill()
    for thread in threads:
        thread.join()


def assert_served(server: ServerProcess, promised: Promised) -> None:
    """The server that was started again serves every acknowledged version to the byte."""
    for (figure, number), digest in promised.versions.items():
        answer = server.fetch(f"figserve/figures/{figure}.png?version={number}")
        assert answer.status == 200
        assert sha256_hex(answer.body) == digest


def is_plain(directory: Path, secret: str) -> list[str]:
    """The files below ``directory`` that hold ``secret`` as it is."""
    return [name for name in stored_files(directory) if secret.encode() in (directory / name).read_bytes()]


def is_hashed(directory: Path, secret: str) -> list[str]:
    return is_plain(directory, hash_secret(secret))
