"""Kills, other processes, broken disks and theft of the data directory."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path

import pytest

from jupyter_figserve.errors import FigServeError, ReadOnly
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.keys import Key, new_key
from jupyter_figserve.model.links import hash_secret
from jupyter_figserve.server.services.links.resolver import LinkNotFound, LinkResolver
from jupyter_figserve.store.admin.offline import reindex
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.catalog import keys, links
from tests.soak.killing import Promised, assert_kept, assert_served, is_hashed, is_plain, kill_publisher, kill_server
from tests.store.making import START, FakeClock, other_process, publish, read_line, run, share, write_line

from ..tokens import new_token


@pytest.fixture
def store(tmp_path: Path):
    opened = open_store(tmp_path / "figures", clock=FakeClock())
    yield opened
    opened.close()


def test_T1_kill_during_publish(tmp_path: Path):
    """Three kills at random moments: acknowledged figures are complete, nothing is torn or left over."""
    promised, chance = Promised(), random.Random()
    for _ in range(3):
        kill_publisher(tmp_path, promised, chance)
        assert_kept(tmp_path, promised)


def test_T1_kill_of_a_server_during_publish(make_server):
    """A real server is killed while two clients publish to it; after a restart it serves every acknowledged figure."""
    server, promised = make_server(keep_versions=0, capture=False), Promised()
    kill_server(server, promised, random.Random())
    assert_kept(server.data_dir, promised)
    server.restart()
    assert_served(server, promised)


def test_T2_files_are_private_under_any_umask(tmp_path: Path):
    """0600 and 0700 for everything created under umask 0: catalog, journal, lock, blobs, manifests."""
    before = os.umask(0)
    try:
        store = open_store(tmp_path / "data" / "figures")
        share(store, publish(store, thumbnail=b"small", source=b"pickle").id)
        run(store.collect_garbage())
        found = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").rglob("*")}
        store.close()
        reindex(tmp_path / "data" / "figures")
        found |= {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").rglob("*")}
    finally:
        os.umask(before)
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert set(found.values()) == {0o600, 0o700}


def test_T2_the_servers_secrets_are_private(make_server):
    """All files that a real server under umask 0 creates in its data directory."""
    before = os.umask(0)
    try:
        server = make_server()
        server.fetch(
            "figserve/api/figures?name=x", method="POST", body=b"<svg/>", headers={"Content-Type": "image/svg+xml"}
        )
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in server.data_dir.rglob("*")}
    assert modes
    assert {str(path) for path, mode in modes.items() if mode & 0o077} == set()


def test_T3_corrupt_catalog(tmp_path: Path):
    """It starts read-only with a message; file, blobs and manifests are kept, figures and links are served."""
    token, directory = new_token(), tmp_path / "figures"
    store = open_store(directory)
    record = publish(store, data=b"one")
    share(store, record.id, token)
    store.close()
    damaged = b"SQLite format 3\x00" + b"\xa5" * 40_000
    (directory / "catalog.db").write_bytes(damaged)
    store = open_store(directory)
    try:
        assert "catalog.db is damaged" in store.read_only_because
        shared = LinkResolver(store)
        assert run(shared.find(token)).figure == record
        assert store.blobs.find(sha256_hex(b"one")) == b"one"
        with pytest.raises(ReadOnly, match="jupyter figserve reindex"):
            publish(store, data=b"two")
    finally:
        store.close()
    assert (directory / "catalog.db").read_bytes() == damaged
    assert reindex(directory).links == 1


def test_T4_no_secret_is_stored(store):
    """Database, journal, manifests, backups and lock contain only the SHA-256 of tokens and keys."""
    token, (key_id, secret, text) = new_token(), new_key()
    record = publish(store)
    link = share(store, record.id, token, label="for Bob", views=3)
    key = Key(key_id, hash_secret(secret), "ann", frozenset({"read"}), START, kernel="k")
    store.catalog.write(lambda c: keys.add(c, key)).result()
    store.catalog.write(lambda c: links.count_view(c, link.id, "client", START)).result()
    for close in (False, True):
        if close:
            store.close()
            reindex(store.directory)
        for plain in (token, secret, text):
            assert is_plain(store.directory, plain) == []
        assert "catalog.db" in " ".join(is_hashed(store.directory, token))
        assert "catalog.db" in " ".join(is_hashed(store.directory, secret))


_OTHER = """
import sys
from pathlib import Path
from jupyter_figserve.errors import FigServeError
from jupyter_figserve.server.services.links.resolver import LinkResolver
from jupyter_figserve.store.admin.opening import open_store
from tests.store.making import FakeClock, publish, run
store = open_store(Path(sys.argv[1]), clock=FakeClock())
shared = LinkResolver(store)
for line in sys.stdin:
    verb, argument = line.split()
    try:
        if verb == "open":
            print(run(shared.find(argument)).figure.version.number, flush=True)
        elif verb == "key":
            print(run(store.keys.find(argument)) is not None, flush=True)
        elif verb == "publish":
            print(publish(store, data=argument.encode()).version.number, flush=True)
        elif verb == "revoke":
            run(store.links.revoke(run(store.links.find(argument))))
            print("revoked", flush=True)
    except FigServeError as error:
        print(error.code, flush=True)
"""


def _request(process, line: str) -> str:
    write_line(process, line)
    return read_line(process)


def test_T5_two_servers_on_one_directory(store):
    """Both publish and serve; a publish, pause or revoke on one takes effect at once on the other, including caches."""
    shared = LinkResolver(store)
    tokens = [new_token() for _ in range(3)]
    record = publish(store, data=b"one")
    first, second, third = (share(store, record.id, token) for token in tokens)
    key = Key("abcdefgh", hash_secret("s"), "ann", frozenset({"read"}), START)
    store.catalog.write(lambda c: keys.add(c, key)).result()
    with other_process(_OTHER, store.directory) as other:
        for token in tokens:
            assert _request(other, f"open {token}") == "1"
            assert run(shared.find(token)).figure.version.number == 1
        assert _request(other, "publish two") == "2"
        assert run(shared.find(tokens[0])).figure.version.number == 2
        assert publish(store, data=b"three").version.number == 3
        assert _request(other, f"open {tokens[0]}") == "3"

        run(store.links.revoke(first))
        assert _request(other, f"open {tokens[0]}") == LinkNotFound.code
        assert _request(other, f"revoke {second.id}") == "revoked"
        with pytest.raises(LinkNotFound):
            run(shared.find(tokens[1]))
        run(store.links.change(third, {"paused": True}))
        assert _request(other, f"open {tokens[2]}") == LinkNotFound.code
        run(store.links.change(third, {"paused": False}))
        assert _request(other, f"open {tokens[2]}") == "3"
        run(store.figures.delete([record.id]))
        assert _request(other, f"open {tokens[2]}") == LinkNotFound.code

        assert _request(other, "key abcdefgh") == "True"
        store.catalog.write(lambda c: keys.remove(c, "abcdefgh")).result()
        assert _request(other, "key abcdefgh") == "False"


_BUSY = """
import asyncio
import sys
from pathlib import Path
from jupyter_figserve.store.admin.opening import open_store
from tests.soak.killing import ALL_VERSIONS
from tests.store.making import draft, run
store = open_store(Path(sys.argv[1]), limits=ALL_VERSIONS)
print("ready", flush=True)
sys.stdin.readline()

async def publish_all():
    drafts = [draft("sales", f"{sys.argv[2]}-{n}".encode()) for n in range(25)]
    return await asyncio.gather(*map(store.figures.publish, drafts))

print(len({record.id for record in run(publish_all())}), flush=True)
store.close()
"""


def test_T5_nothing_is_torn_between_two_servers(tmp_path: Path):
    """Fifty versions of one figure from two processes: one figure, all versions, consistent catalog and manifest."""
    directory = tmp_path / "figures"
    with other_process(_BUSY, directory, "a") as first, other_process(_BUSY, directory, "b") as second:
        assert [read_line(process) for process in (first, second)] == ["ready", "ready"]
        for process in (first, second):
            write_line(process)
        assert [read_line(process) for process in (first, second)] == ["1", "1"]
        for process in (first, second):
            process.wait()
    store = open_store(directory)
    try:
        [manifest] = store.manifests.figures.read_all()
        assert [version.number for version in manifest.versions] == list(range(50, 0, -1))
        made = {f"{who}-{n}".encode() for who in "ab" for n in range(25)}
        assert {store.blobs.find(v.representations[0].digest) for v in manifest.versions} == made
    finally:
        store.close()
    assert_kept(directory, Promised())


def test_T6_clock_that_jumps_back(store):
    """A link expires by the server's clock.

    If the clock is set back, the link is valid until the clock reaches its expiry again: no cache or record keeps it
    open longer. Actions of users (revoke, pause, used views) are not undone.
    """
    clock, shared = store.clock, LinkResolver(store)
    ending, revoked, limited = new_token(), new_token(), new_token()
    figure = publish(store).id
    share(store, figure, ending, expires=START + 60)
    gone = share(store, figure, revoked, expires=START + 60)
    views = share(store, figure, limited, views=1)
    assert store.catalog.write(lambda c: links.count_view(c, views.id, "a", clock())).result()
    run(store.links.revoke(gone))
    assert run(shared.find(ending)).link.expires == START + 60

    clock.turn(61)
    with pytest.raises(LinkNotFound):
        run(shared.find(ending))
    clock.turn(-1_000)
    assert run(shared.find(ending)).link.expires == START + 60
    with pytest.raises(LinkNotFound):
        run(shared.find(revoked))
    assert not store.catalog.write(lambda c: links.count_view(c, views.id, "b", clock())).result()
    publish(store, data=b"two")
    assert run(shared.find(ending)).figure.version.number == 2
    assert not run(store.collect_garbage())

    clock.turn(1_000)
    with pytest.raises(LinkNotFound):
        run(shared.find(ending))


def test_T7_directory_that_cannot_be_written(tmp_path: Path, caplog):
    """Reads work; a publish is refused as unavailable with the reason, which is also logged.

    The same for a directory that is mounted read-only is in tests/store/admin/test_opening.py.
    """
    (tmp_path / "file").write_bytes(b"")
    store = open_store(tmp_path / "file" / "figures")
    try:
        assert run(store.figures.find("A" * 16)) is None
        with pytest.raises(FigServeError) as refused:
            publish(store)
    finally:
        store.close()
    assert (refused.value.code, refused.value.retry_after) == ("store_read_only", 60)
    assert store.read_only_because in caplog.text


def test_T7_network_file_system(tmp_path: Path, caplog):
    """One server locks it and works; the log names the setting that moves the catalog to another directory."""
    store = open_store(tmp_path / "figures", network_type="nfs")
    try:
        record = publish(store)
        assert run(store.figures.get(record.id)) == record
    finally:
        store.close()
    assert "FigServe.database_url" in caplog.text
