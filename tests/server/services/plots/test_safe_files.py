"""Files below a directory, found, opened and read without following links."""

from __future__ import annotations

import os
import socket
import threading
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_figserve.errors import NotFound, TooLarge
from jupyter_figserve.server.services.plots import safe_files

from ...sample_images import png

MOST = 1_000_000


@pytest.fixture
def plots(tmp_path):
    """The directory, next to a secret file."""
    (tmp_path / "secret.png").write_bytes(b"secret")
    directory = tmp_path / "plots"
    directory.mkdir()
    return directory


def read(directory, path, most=MOST):
    return safe_files.read_beneath(directory, path, most)[1]


def test_files_are_read_by_their_paths(plots):
    """In the directory and its subdirectories, with size and state."""
    (plots / "a").mkdir()
    for path in ("x.png", "a/b c ü.png"):
        (plots / path).write_bytes(png())
        assert read(plots, path) == png()
        found = safe_files.stat_beneath(plots, path)
        assert (found.path, found.size) == (path, len(png()))
        assert safe_files.read_beneath(plots, path, MOST)[0] == found


def test_state_changes_with_every_write(plots):
    """After a write in place, a replacement and a changed time; otherwise it stays equal."""
    file = plots / "x.png"
    file.write_bytes(b"1")
    states = [safe_files.stat_beneath(plots, "x.png").state]
    assert safe_files.stat_beneath(plots, "x.png").state == states[0]
    for change in (
        lambda: os.utime(file, ns=(1, 1)),
        lambda: file.write_bytes(b"22"),
        lambda: (plots / "y").write_bytes(b"33") and os.replace(plots / "y", file),
    ):
        change()
        states.append(safe_files.stat_beneath(plots, "x.png").state)
    assert len(set(states)) == len(states)


@pytest.mark.parametrize(
    "path",
    [
        "", ".", "..", "/", "//", "../secret.png", "a/../../secret.png", "./x.png", "a/", "/x.png", "a//x.png",
        "..\\secret.png", "a\\x.png", ".hidden.png", ".git/x.png", "a/.x.png", "x\x00.png", "x\n.png", "x\r.png",
        "x\x1b[31m.png", "x\u202egnp.exe", "x\u2066.png", "x\u2028.png", "x\ud800.png", "a/" * 8 + "x.png",
        "x" * 256 + ".png", "x/" * 600,
    ],
)  # fmt: skip
def test_paths_that_may_not_be_asked_for(plots, path):
    """Invalid paths are refused even if the file exists."""
    assert safe_files.parse_safe_path(path) is None
    with pytest.raises(NotFound) as error:
        read(plots, path)
    assert (error.value.message, error.value.code) == ("Plot not found", "plot_not_found")


@pytest.mark.parametrize("path", ["x.png", "%2e%2e/x.png", "..x/y.png"[2:], "a/b/c/d/e/f/g/x.png", "日本 语.png", "x"])
def test_paths_that_may(path):
    """A path with two levels of escaping is a plain name; names may be in any language."""
    assert safe_files.parse_safe_path(path) == tuple(path.split("/"))


def test_a_symbolic_link_is_not_followed(plots, tmp_path):
    """Neither as the file, nor as a parent directory, nor as the directory itself."""
    (plots / "file.png").symlink_to(tmp_path / "secret.png")
    (plots / "up").symlink_to(tmp_path)
    (plots / "self").symlink_to(plots)
    (tmp_path / "swapped").symlink_to(tmp_path)
    for directory, path in (
        (plots, "file.png"),
        (plots, "up/secret.png"),
        (plots, "self/x.png"),
        (tmp_path / "swapped", "secret.png"),
    ):
        with pytest.raises(NotFound):
            read(directory, path)
    assert safe_files.list_beneath(plots) == []


def test_a_file_that_turns_into_a_link_before_it_is_opened(plots, tmp_path, monkeypatch):
    """Between the check and the opening."""
    (plots / "x.png").write_bytes(b"plot")
    original = os.stat

    def swap(*arguments, **options):
        status = original(*arguments, **options)
        (plots / "x.png").unlink()
        (plots / "x.png").symlink_to(tmp_path / "secret.png")
        return status

    monkeypatch.setattr(safe_files.os, "stat", swap)
    with pytest.raises(NotFound):
        read(plots, "x.png")


def test_a_file_that_turns_into_a_fifo_before_it_is_opened(plots, monkeypatch):
    """Opening does not block, and the open file is checked again."""
    (plots / "x.png").write_bytes(b"plot")
    original = os.stat

    def swap(*arguments, **options):
        status = original(*arguments, **options)
        (plots / "x.png").unlink()
        os.mkfifo(plots / "x.png")
        return status

    monkeypatch.setattr(safe_files.os, "stat", swap)
    with pytest.raises(NotFound):
        read(plots, "x.png")


def test_a_hard_link_is_not_served(plots, tmp_path):
    """A file with a second name may belong to another user; it is served once that name is removed."""
    os.link(tmp_path / "secret.png", plots / "x.png")
    with pytest.raises(NotFound):
        read(plots, "x.png")
    assert safe_files.list_beneath(plots) == []
    (tmp_path / "secret.png").unlink()
    assert read(plots, "x.png") == b"secret"


def test_only_regular_files_are_opened(plots):
    """A FIFO, a socket and a directory are not found, without blocking."""
    os.mkfifo(plots / "fifo.png")
    (plots / "directory.png").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(plots)
        try:
            listener.bind("socket.png")
        finally:
            os.chdir(here)
        for name in ("fifo.png", "directory.png", "socket.png"):
            with pytest.raises(NotFound):
                read(plots, name)
        assert safe_files.list_beneath(plots) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="not on this machine: only root can make a device")
def test_a_device_is_not_opened(plots):
    """``/dev/zero`` is endless."""
    try:
        os.mknod(plots / "zero.png", 0o20666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("not on this machine: devices cannot be made in this container")
    with pytest.raises(NotFound):
        read(plots, "zero.png")


def test_a_file_that_may_not_be_read_is_not_found(plots, monkeypatch):
    """A permission error is reported like a missing file."""

    def refuse(*_, **__):
        raise PermissionError

    (plots / "x.png").write_bytes(png())
    monkeypatch.setattr(safe_files.os, "open", refuse)
    with pytest.raises(NotFound):
        read(plots, "x.png")


def test_a_huge_file_is_rejected_unread(plots):
    """By its size; a sparse terabyte is not read."""
    with (plots / "x.png").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(TooLarge, match="1,099,511,627,776"):
        read(plots, "x.png")


def test_a_file_that_grows_has_an_end(plots, monkeypatch):
    """At most the size at the opening is read, and the state shows the change."""
    file = plots / "x.png"
    file.write_bytes(b"1" * 10)
    before = safe_files.stat_beneath(plots, "x.png")
    original = os.read

    def grow(descriptor: int, size: int) -> bytes:
        with file.open("ab") as other:
            other.write(b"2" * 1_000)
        return original(descriptor, size)

    monkeypatch.setattr(safe_files.os, "read", grow)
    after, data = safe_files.read_beneath(plots, "x.png", MOST)
    assert data == b"1" * 10
    assert after.state != before.state


def test_listing_omits_unsafe_paths(plots):
    """Invalid names are skipped, and every listed path can be read."""
    for name in (b".hidden.png", b"a\nb.png", b"\xff\xfe.png", "x\u202egnp".encode(), b"good.png"):
        with open(os.path.join(os.fsencode(plots), name), "wb") as file:
            file.write(b"x")
    (plots / ".git").mkdir()
    (plots / ".git" / "x.png").write_bytes(b"x")
    (plots / "sub").mkdir()
    (plots / "sub" / "y.svg").write_bytes(b"x")
    listed = [found.path for found in safe_files.list_beneath(plots)]
    assert listed == ["good.png", "sub/y.svg"]
    assert [read(plots, path) for path in listed] == [b"x", b"x"]


def test_listing_is_bounded_in_depth_and_number(plots, monkeypatch):
    """A deep tree and a million files are listed in bounded time."""
    monkeypatch.setattr(safe_files, "MAX_FILES", 20)
    monkeypatch.setattr(safe_files, "_MAX_ENTRIES", 100)
    deep = plots
    for _ in range(20):
        deep = deep / "d"
        deep.mkdir()
        (deep / "x.png").write_bytes(b"x")
    assert max(found.path.count("/") for found in safe_files.list_beneath(plots)) == safe_files.MAX_DEPTH - 1
    for number in range(300):
        (plots / f"{number}.png").write_bytes(b"x")
    assert len(safe_files.list_beneath(plots)) == 20


def test_a_directory_that_has_gone_lists_nothing(tmp_path):
    """As after the end of a session."""
    assert safe_files.list_beneath(tmp_path / "gone") == []


@pytest.mark.parametrize("what", ["file", "directory"])
def test_swapping_races_never_serve_files_outside(plots, tmp_path, what):
    """While a file or directory is swapped with a link, only the plot is ever read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.png").write_bytes(b"secret")
    (plots / "d").mkdir()
    (plots / "d" / "x.png").write_bytes(b"plot")
    done = threading.Event()

    def swap() -> None:
        name, target = ("d", outside) if what == "directory" else ("d/x.png", outside / "x.png")
        (plots / "link").symlink_to(target)
        while not done.is_set():
            os.rename(plots / name, plots / "aside")
            os.rename(plots / "link", plots / name)
            os.rename(plots / name, plots / "link")
            os.rename(plots / "aside", plots / name)

    thread = threading.Thread(target=swap)
    thread.start()
    seen: dict[bytes, int] = {}
    try:
        for _ in range(500):
            try:
                data = read(plots, "d/x.png")
            except NotFound:
                data = b"none"
            seen[data] = seen.get(data, 0) + 1
    finally:
        done.set()
        thread.join()
    assert set(seen) <= {b"plot", b"none"}
    assert read(plots, "d/x.png") == b"plot"


PARTS = st.sampled_from(("..", ".", "", "a", "secret.png", ".git", "x.png", "a\\b", "\x00", "%2e%2e")) | st.text(
    max_size=6
)


@given(st.text(max_size=30) | st.lists(PARTS, max_size=9).map("/".join))
@example("a\xad.png")
@example("\U0001f468\u200d\U0001f4bb.png")
@example("a\u202egnp.png")
def test_any_path_stays_inside_or_is_refused(path):
    """One that is accepted names what is beneath the directory, and nothing hidden."""
    parts = safe_files.parse_safe_path(path)
    if parts is not None:
        assert "/".join(parts) == path
        assert os.path.normpath(f"/plots/{path}") == f"/plots/{path}"
        assert not any(part.startswith(".") or "\\" in part for part in parts)
        # Other invisible characters join emoji and letters in names that people give.
        assert not {"Cc", "Cs", "Zl", "Zp"} & set(map(unicodedata.category, path))
        assert not {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"} & set(
            map(unicodedata.bidirectional, path)
        )
        path.encode()


def test_drives_and_streams_of_windows(plots, monkeypatch):
    """There, a path with a drive would begin elsewhere, and a colon also names a stream of a file."""
    for name in ("C:x.png", "x.png"):
        (plots / name).write_bytes(png())
    assert read(plots, "C:x.png") == png()
    for flag in ("DIRECTORY", "NOFOLLOW"):
        monkeypatch.setattr(safe_files.open_flags, flag, 0)
    with pytest.raises(NotFound):
        read(plots, "C:x.png")
    assert read(plots, "x.png") == png()
