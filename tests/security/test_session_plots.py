"""Attacks on a session's plots: files outside its directory, and active content in a browser."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from jupyter_figserve.demo.server_process import ServerProcess

from . import evil
from .actors import PNG, SVG, ask_raw, make_key, make_png

pytestmark = pytest.mark.kernel

CANARY = b"canary-of-a-secret-file"


class Session:
    """A real kernel's session, its directory, and secrets around it."""

    def __init__(self, server: ServerProcess, kernel) -> None:
        self.server = server
        self.kernel = kernel
        self.id = kernel.kernel_id
        code = "import jupyter_figserve as f; print(f.plots_dir())"
        self.directory = Path(kernel.run(code).stdout.strip())
        self.secret = server.home / "secret.png"
        self.secret.write_bytes(make_png(text=CANARY))
        (self.directory.parent / "secret.png").write_bytes(make_png(text=CANARY))
        (self.directory / "good.png").write_bytes(PNG)

    def raw(self, target: str, method: str = "GET", headers: str = "") -> bytes:
        """Return the response to a path that no client has normalized."""
        request = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}"
        return ask_raw(self.server, f"{request}Authorization: token {self.server.token}\r\n\r\n".encode())

    def get(self, path: str, **options):
        return self.server.fetch(f"figserve/plots/{self.id}/{path}", **options)

    def is_alive(self) -> None:
        """Check that the next valid request gets the expected bytes."""
        assert self.get("good.png").body == PNG


@pytest.fixture(scope="module")
def session(live_server):
    with live_server.kernel("attacked.ipynb") as kernel:
        yield Session(live_server, kernel)


UP = "../secret.png"
TRAVERSALS = [
    "../secret.png", "..%2fsecret.png", "..%2Fsecret.png", "%2e%2e/secret.png", "%2e%2e%2fsecret.png",
    ".%2e/secret.png", "%2e./secret.png", "..%5csecret.png", "..\\secret.png", "..%252fsecret.png",
    "%252e%252e%252fsecret.png", "....//secret.png", "..;/secret.png", "..%00/secret.png", "../secret.png%00.png",
    "..%c0%afsecret.png", "%c0%ae%c0%ae/secret.png", "..%ef%bc%8fsecret.png", "%uff0e%uff0e/secret.png",
    "a/../../secret.png", "good.png/../../secret.png", "./../secret.png", "/../secret.png", "//../secret.png",
    "..//secret.png", "../../../../../../../../../../etc/passwd", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd",
    "file:///etc/passwd", "..%0a/secret.png", "\u2025/secret.png".encode().decode("latin-1"), "~/secret.png",
    "..%2fserver.lock", "%2e%2e%2flock", "..", "%2e%2e", "..%2f", ".", "%2e", "", "/",
]  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSALS)
def test_traversal_in_every_spelling_serves_nothing_from_outside(session, path):
    """The same 404 as for a missing plot, or 400 for invalid text; never a byte from outside."""
    for method in ("GET", "HEAD"):
        answer = session.raw(f"/figserve/plots/{session.id}/{path}", method)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), head
        for word in (CANARY, b"root:", b"\x89PNG", b"Traceback", b"Location:"):
            assert word not in answer
        if method == "GET" and head.startswith(b"HTTP/1.1 404 "):
            assert json.loads(body)["error"] in ("Plot not found", "There is nothing at this address.")
    session.is_alive()


@pytest.mark.parametrize("session_id", ["..", "%2e%2e", "..%2f..", "a%2fb", "a%00", "%0d%0aX:%20y", "x" * 65, "", "."])
def test_session_ids_do_not_lead_outside(session, session_id):
    """An invalid id matches no route of sessions."""
    for path in ("good.png", "..%2fsecret.png", ""):
        answer = session.raw(f"/figserve/plots/{session_id}/{path}")
        assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), answer[:200]
        assert b"X: y" not in answer
        assert CANARY not in answer


@pytest.mark.parametrize("path", TRAVERSALS[:12])
def test_keeping_a_plot_does_not_lead_outside(session, path):
    """A path in JSON must satisfy the same grammar; no figure is created."""
    before = len(session.server.fetch("figserve/api/figures?limit=1000").json()["figures"])
    address = f"figserve/api/sessions/{session.id}/figures"
    answer = session.server.fetch(address, method="POST", body={"path": path.replace("%2f", "/").replace("%2e", ".")})
    assert answer.status == 404
    assert len(session.server.fetch("figserve/api/figures?limit=1000").json()["figures"]) == before


def test_links_in_the_directory_are_not_served(session):
    """Symbolic links to files and directories, absolute and relative, and hard links; they are not listed either."""
    directory = session.directory
    made = {"link.png": session.secret, "relative.png": Path("../secret.png"), "loop.png": Path("loop.png")}
    for name, target in made.items():
        (directory / name).symlink_to(target)
    (directory / "up").symlink_to("..")
    (directory / "root").symlink_to("/")
    os.link(session.secret, directory / "hard.png")
    try:
        paths = [*made, "up/secret.png", "hard.png", "root/etc/passwd", f"root{session.secret}"]
        for path in paths:
            answer = session.get(path)
            assert answer.status == 404, path
            assert CANARY not in answer.body
        listed = [plot["path"] for plot in session.server.fetch(f"figserve/plots/{session.id}").json()["plots"]]
        assert not set(paths) & set(listed)
        assert not [path for path in listed if path.startswith(("up/", "root/"))]
    finally:
        for path in directory.iterdir():
            if path.is_symlink() or path.name == "hard.png":
                path.unlink()
    session.is_alive()


def test_a_swap_between_plot_and_secret_never_shows_the_secret(session):
    """A program keeps swapping a file for a link to a secret and back, as fast as it can."""
    directory, done = session.directory, threading.Event()
    (directory / "racing.png").write_bytes(PNG)
    (directory / "link").symlink_to(session.secret)

    def swap() -> None:
        while not done.is_set():
            os.rename(directory / "racing.png", directory / "aside")
            os.rename(directory / "link", directory / "racing.png")
            os.rename(directory / "racing.png", directory / "link")
            os.rename(directory / "aside", directory / "racing.png")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        bodies = [session.get("racing.png") for _ in range(300)]
    finally:
        done.set()
        thread.join()
        for name in ("link", "racing.png"):
            (directory / name).unlink()
    assert {answer.status for answer in bodies} <= {200, 404, 503}
    assert not [answer for answer in bodies if CANARY in answer.body]
    assert {answer.body for answer in bodies if answer.status == 200} <= {PNG}


def test_a_directory_swapped_for_a_link_serves_nothing(live_server):
    """A kernel that replaces its directory with a link exposes nothing, and its end removes no file there."""
    with live_server.kernel("swapping.ipynb") as kernel:
        session = Session(live_server, kernel)
        (session.directory / "good.png").unlink()
        session.directory.rmdir()
        session.directory.symlink_to(live_server.home)
        assert session.get("secret.png").status == 404
        assert session.server.fetch(f"figserve/plots/{session.id}").json()["plots"] == []
    assert session.secret.read_bytes() == make_png(text=CANARY)


def test_endless_files_do_not_block_the_server(session):
    """A FIFO without a writer, a sparse terabyte, a linked device: each gets a response at once."""
    directory = session.directory
    os.mkfifo(directory / "fifo.png")
    with (directory / "huge.png").open("wb") as file:
        file.write(PNG)
        file.truncate(2**40)
    (directory / "zero.png").symlink_to("/dev/zero")
    try:
        for path, status in (("fifo.png", 404), ("huge.png", 413), ("zero.png", 404)):
            answer = session.get(path, timeout=10)
            assert (answer.status, len(answer.body) < 1_000) == (status, True), path
            keep = session.server.fetch(
                f"figserve/api/sessions/{session.id}/figures", method="POST", body={"path": path}, timeout=10
            )
            assert keep.status == status
        session.is_alive()
    finally:
        for name in ("fifo.png", "huge.png", "zero.png"):
            (directory / name).unlink()


def test_malformed_names_split_no_header_and_no_log_line(session):
    """Line ends, NUL, escapes and reversed text in a path are 404; listed names have none of them."""
    directory = os.fsencode(session.directory)
    names = [b"a\r\nX-Evil: 1.png", b"a\nb.png", b"a\x1b[2Jb.png", "a\u202egnp.exe.png".encode(), b"\xff.png"]
    for name in names:
        with open(os.path.join(directory, name), "wb") as file:
            file.write(PNG)
    try:
        for path in (
            "a%0d%0aX-Evil:%201.png",
            "a%0ab.png",
            "a%1b%5b2Jb.png",
            "a%E2%80%AEgnp.exe.png",
            "%ff.png",
            "a%00.png",
        ):
            answer = session.raw(f"/figserve/plots/{session.id}/{path}")
            assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), path
            assert b"X-Evil" not in answer.partition(b"\r\n\r\n")[0]
        plots = session.server.fetch(f"figserve/plots/{session.id}").json()["plots"]
        assert [plot["path"] for plot in plots if plot["origin"] == "file"] == ["good.png"]
        assert not [line for line in session.server.log.splitlines() if line.startswith("X-Evil")]
        assert "\x1b[2J" not in session.server.log
    finally:
        for name in names:
            os.unlink(os.path.join(directory, name))


def test_names_with_markup_are_escaped_by_url_and_json(session):
    """Other file names are allowed; the URL is percent-encoded, and so is the download name."""
    name = "<img src=x onerror=alert(1)>'\"&;=.png"
    (session.directory / name).write_bytes(PNG)
    try:
        plots = session.server.fetch(f"figserve/plots/{session.id}").json()["plots"]
        (plot,) = [plot for plot in plots if plot["path"] == name]
        assert not set("<>'\" ") & set(plot["url"])
        answer = session.server.fetch(plot["url"])
        assert answer.body == PNG
        disposition = answer.headers["Content-Disposition"]
        assert disposition.startswith('inline; filename="_img src=x onerror=')
        assert "filename*=UTF-8''%3Cimg%20src" in disposition
        assert not set('<>"; ') & set(disposition.partition("''")[2])
    finally:
        (session.directory / name).unlink()


def test_hidden_files_are_not_served(session):
    """Such as the files that tools leave there."""
    for name in (".env", ".git/config", "sub/.ipynb_checkpoints/x.png", ".x.png"):
        file = session.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(PNG + CANARY)
        answer = session.get(name)
        assert (answer.status, CANARY in answer.body) == (404, False)


def test_an_image_that_is_code_is_inert(session):
    """HTML as a PNG is refused; SVG and HTML carry the policies that disable scripts, as files and as displays."""
    home = session.server.url
    (session.directory / "lie.png").write_bytes(evil.html("http://evil.example", home).encode())
    (session.directory / "evil.svg").write_bytes(evil.SVGS["script"]("http://evil.example", home).encode())
    (session.directory / "evil.html").write_bytes(evil.html("http://evil.example", home).encode())
    shown = evil.SVGS["onload"]("http://evil.example", home)
    code = f"from IPython.display import display\ndisplay({{'image/svg+xml': {shown!r}}}, raw=True)\n"
    path = session.kernel.run(code + "print(f.last().path)").stdout.strip()
    assert session.get("lie.png").status == 415
    for name in ("evil.svg", "evil.html", path):
        answer = session.get(name)
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "sandbox" in policy
        assert "script-src" not in policy
        assert "allow-" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.browser
def test_evil_images_do_nothing_in_a_browser(session, chromium, elsewhere):
    """Opened by their URLs in Chromium, logged in: no other site gets a request, and no key is created."""
    home = session.server.url
    keys = session.server.fetch("figserve/api/keys").json()["keys"]
    names = []
    for index, make in enumerate(evil.SVGS.values()):
        names.append(f"evil{index}.svg")
        (session.directory / names[-1]).write_text(make(elsewhere.origin, home))
    names.append("evil.html")
    (session.directory / "evil.html").write_text(evil.html(elsewhere.origin, home))
    page = chromium.new_page()
    page.goto(f"{home}lab?token={session.server.token}", wait_until="commit")
    for name in names:
        response = page.goto(f"{home}figserve/plots/{session.id}/{name}")
        assert response is not None
        assert response.status == 200
        page.evaluate("1")
    # A control image that is allowed to report: the listener works, so its silence is meaningful.
    page.goto(elsewhere.serve("/control", "<img src=/heard>"))
    assert elsewhere.wait_for_hit("/heard")
    assert elsewhere.hits == ["/heard"]
    assert session.server.fetch("figserve/api/keys").json()["keys"] == keys


def test_sessions_need_a_login_or_the_scope(session):
    """Without login every request is 401, for existing and missing plots; a key without the scope reads nothing."""
    for path in ("", "/good.png", "/none.png", "/..%2fsecret.png"):
        known = session.server.fetch(f"figserve/plots/{session.id}{path}", anonymous=True)
        unknown = session.server.fetch(f"figserve/plots/{'x' * 36}{path}", anonymous=True)
        assert (known.status, known.body) == (401, unknown.body)
    key = make_key(session.server, "render")["key"]
    for address in (f"plots/{session.id}/good.png", f"plots/{session.id}", "api/sessions", "api/sessions/here/last"):
        answer = session.server.fetch(f"figserve/{address}", anonymous=True, headers={"X-API-Key": key})
        assert (answer.status, answer.json()["code"]) == (403, "scope_missing")


def test_the_log_has_no_secret(session):
    """Requests are logged by path and session; a token in the query is not."""
    token = session.server.token
    assert session.server.fetch(f"figserve/plots/{session.id}/good.png?token={token}", anonymous=True).status == 200
    assert session.server.fetch(f"figserve/plots/{session.id}/none.png?token={token}", anonymous=True).status == 404
    assert f"/plots/{session.id}/good.png?token=[secret] status=200" in session.server.log
    assert token not in session.server.log


def test_a_flood_of_displays_does_not_disrupt_the_server(live_server):
    """Thousands of images, broken and huge ones: limited on disk, counted, and other requests still get responses."""
    with live_server.kernel("flood.ipynb") as kernel:
        code = f"""
import base64, jupyter_figserve as f
from IPython.display import display
good = base64.b64encode({PNG!r}).decode()
for number in range(1_000):
    display({{"image/png": good}}, raw=True)
for bad in ("x", 3, None, [], "ü", good[:-9], "A" * 60_000_000):
    display({{"image/png": bad}}, raw=True)
display({{"image/svg+xml": "<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg>&a;</svg>"}}, raw=True)
display({{"image/svg+xml": {SVG.decode()!r}}}, raw=True)
print(f.last().path)
"""
        before = live_server.fetch("figserve/api/status").json()
        execution = kernel.run(code)
        assert execution.stdout.strip().endswith(".svg"), execution.error
        after = live_server.fetch("figserve/api/status").json()
        assert after["capture"]["dropped"] - before["capture"]["dropped"] == 8
        assert len(live_server.fetch(f"figserve/plots/{kernel.kernel_id}").json()["plots"]) == 200
        held = [len(list(path.iterdir())) for path in live_server.runtime.glob("figserve/server-*/captured-*")]
        assert held
        assert max(held) <= 200
