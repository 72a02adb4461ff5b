"""Detached functions: real kernels, a real sandbox, and rejected functions."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..conftest import output_of

pytestmark = pytest.mark.kernel

DECLARE = """
import os, threading, time
import numpy as np
import jupyter_figserve as figserve
import matplotlib.pyplot as plt
from datetime import date
from enum import Enum
from typing import Annotated, Literal

class Colour(Enum):
    RED = "r"
    BLUE = "b"

seen = {"Bear": np.arange(5), "Deer": np.arange(5) ** 2}
plt.rcParams["lines.linewidth"] = 4

def helper(values):
    return values * 2

@figserve.live
def animal(type: Literal["Bear", "Deer"] = "Deer", since: Annotated[int, figserve.Range(2000, 2022)] = 2010,
           colour: Colour = Colour.RED, day: date = date(2024, 1, 1), x: list[float] = [1, 2], part=(0, 10),
           bad: bool = False):
    if bad:
        raise ValueError("no such animal")
    assert isinstance(day, date) and isinstance(part, int)
    plt.figure(figsize=(3, 2))
    plt.plot(helper(seen[type]), colour.value)
    plt.title(f"{since} {x}")

@figserve.live
def table(type: Literal["Bear", "Deer"] = "Deer"):
    return [{"type": type, "seen": int(n)} for n in seen[type][:2]]
"""


@pytest.fixture(scope="module")
def kernel(live_server):
    with live_server.kernel("refused.ipynb") as session:
        output_of(session, DECLARE)
        yield session


def test_detached_function_runs_without_kernel_and_after_a_restart(make_server):
    """Session URL, permanent URL and link give identical bytes for all parameters, and the same errors."""
    server = make_server()
    query = "type=Bear&since=2012&colour=BLUE&day=2024-02-03&x=4,5&part=7"
    with server.kernel("a.ipynb") as kernel:
        output_of(kernel, DECLARE + "_ = animal.detach()")
        live_id, link = output_of(
            kernel, "print(animal.id, animal.share(lock={'type': 'Bear'}, allow=['since']).url)"
        ).split()
        data_id, data_link = output_of(kernel, "_ = table.detach(); print(table.id, table.share().url)").split()
        session = f"figserve/live/{kernel.kernel_id}/animal"
        for name in (kernel.kernel_id, kernel.session):
            rows = server.fetch(f"figserve/api/live?session={name}").json()["live"]
            assert {row["id"] for row in rows} == {live_id, data_id}
        rendered = server.fetch(f"{session}.png?{query}")
        sized = server.fetch(f"{session}.png?width=333")
        rows = server.fetch("figserve/api/live").json()["live"]
        assert [(row["detached"], row["session"]) for row in rows] == [(True, kernel.kernel_id)] * 2
    for addresses in ((session, f"figserve/live/f/{live_id}"), (session,)):
        for address in addresses:
            response = server.fetch(f"{address}.png?{query}")
            assert (response.status, response.body) == (200, rendered.body)
            assert response.headers["Cache-Status"] == "figserve; fwd=miss"
            failed = server.fetch(f"{address}.svg?bad=true")
            assert (failed.status, failed.json()["kind"]) == (422, "ValueError")
            assert "in animal" in failed.json()["traceback"]
            assert server.fetch(f"{address}.svg?since=1999").json()["code"] == "invalid_parameter"
            page = server.fetch(address, headers={"Accept": "text/html"})
            assert (page.status, 'name="colour"' in page.text) == (200, True)
        assert server.fetch(f"{addresses[-1]}.png?width=333").body == sized.body
        path = server.url + urlsplit(link).path.lstrip("/")
        assert server.fetch(f"{path}.png?since=2012", anonymous=True).mimetype == "image/png"
        for refused in ("type=Deer", "since=1999", "bad=true"):
            assert server.fetch(f"{path}.png?{refused}", anonymous=True).status == 400
        rows = server.fetch("figserve/api/live").json()["live"]
        assert sorted((row["detached"], row["session"], row["id"]) for row in rows) == sorted(
            (True, None, one) for one in (live_id, data_id)
        )
        data_path = server.url + urlsplit(data_link).path.lstrip("/")
        for address, anonymous in ((f"figserve/live/f/{data_id}", False), (data_path, True)):
            json = server.fetch(f"{address}.json", anonymous=anonymous)
            assert (json.mimetype, json.json()[1]) == ("application/json", {"type": "Deer", "seen": 1})
            csv = server.fetch(f"{address}.csv", anonymous=anonymous)
            assert (csv.mimetype, csv.body) == ("text/csv", b"type,seen\nDeer,0\nDeer,1\n")
        server.restart()
    with server.kernel("a.ipynb") as kernel:
        output_of(kernel, DECLARE.replace('"no such animal"', '"from the kernel"'))
        assert "from the kernel" in server.fetch(f"{session}.svg?bad=true").json()["error"]
        output_of(kernel, "animal.undetach()")
        assert "not detached" in kernel.run("animal.undetach()").error
        output_of(kernel, "table.undetach()")
    assert server.fetch(f"figserve/live/f/{live_id}.png?since=2001").json()["code"] == "kernel_gone"
    assert server.fetch("figserve/api/live").json() == {"live": []}


@pytest.mark.compat
def test_detach_option_detaches_immediately(live_server, kernel):
    """The closure is that at the time of the call; a live figure that it calls is included as a function."""
    code = """
@figserve.live
def doubled(n=(0, 10)):
    plt.figure(figsize=(number, n))
number = 7
@figserve.live(detach=True)
def outer():
    doubled()
number = 3
print(outer.id)
"""
    live_id = output_of(kernel, code)
    (row,) = [row for row in live_server.fetch("figserve/api/live").json()["live"] if row["id"] == live_id]
    assert row["detached"]
    imports = "from jupyter_figserve.kernel.agent import agent; from jupyter_figserve.kernel.live import registry"
    output_of(
        kernel,
        f"{imports}; registry.live_functions._functions.pop('outer'); agent.start_agent().announce(); doubled.url()",
    )
    assert live_server.fetch(f"figserve/live/f/{live_id}.json").json()["session"] is None
    image = live_server.fetch(f"figserve/live/f/{live_id}.png").body
    assert (int.from_bytes(image[16:20]), int.from_bytes(image[20:24])) == (700, 500)
    assert "NameError" in kernel.run("@figserve.live(detach=True)\ndef early():\n    later()").error


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("lock.locked()", "uses lock (of type lock), which cannot be pickled"),
        ("open(own_file).read()", "FileNotFoundError"),
        ("import no_such_library", "no_such_library"),
        ("time.sleep(60)", "did not finish in the sandbox within 1 s."),
        ("return object()", "does not work in the sandbox"),
    ],
)
def test_undetachable_functions_are_rejected_immediately(live_server, kernel, body, message, tmp_path: Path):
    """The message names the variable, and nothing is stored."""
    own = tmp_path / "data.csv"
    own.write_text("1")
    error = kernel.run(f"""
lock, own_file = threading.Lock(), {str(own)!r}
@figserve.live(timeout="1s")
def refused():
    {body}
    plt.figure()
refused.detach()
""").error
    assert error is not None
    assert message in error
    (row,) = [row for row in live_server.fetch("figserve/api/live").json()["live"] if row["name"] == "refused"]
    assert not row["detached"]


@pytest.mark.compat
def test_modules_next_to_the_notebook_are_pickled(live_server, kernel):
    """Modules next to the notebook are pickled by value, since the sandbox does not have them."""
    code = """
import pathlib, sys
package = pathlib.Path("herd"); package.mkdir()
(package / "__init__.py").write_text("from .sizes import width")
(package / "sizes.py").write_text("factor = 2\\ndef width(n):\\n    return n * factor")
pathlib.Path("beside.py").write_text("import herd\\nHEIGHT = 1\\ndef height():\\n    return HEIGHT + herd.width(1)")
pathlib.Path("big.py").write_text("rows = list(range(400_000))")
sys.path.insert(0, "")
import beside, big
from herd import width
@figserve.live(detach=True)
def herd_of(n: int = 2):
    plt.figure(figsize=(width(n), beside.height()))
withdraw = herd_of.id
@figserve.live(detach=True)
def heavy():
    plt.figure(figsize=(len(big.rows) / 100_000, 1))
from jupyter_figserve.kernel.agent import agent; from jupyter_figserve.kernel.live import registry
registry.live_functions._functions.pop("herd_of")
agent.start_agent().announce()
heavy.url()
print(withdraw)
"""
    execution = kernel.run(code)
    assert execution.error is None, execution.error
    assert "with the code of big" in execution.stderr
    image = live_server.fetch(f"figserve/live/f/{execution.stdout.strip()}.png")
    assert image.status == 200, image.text
    assert (int.from_bytes(image.body[16:20]), int.from_bytes(image.body[20:24])) == (400, 300)


def test_required_parameters_are_checked_without_a_call(live_server, kernel):
    """Missing modules are reported, although there are no values to try the function with."""
    output_of(kernel, "@figserve.live\ndef asked(n: int):\n    plt.figure(figsize=(n, 1))\n_ = asked.detach()")


def test_size_is_reported_and_limited(make_server):
    """A warning lists the largest variables, and an error above the server's limit does too."""
    server = make_server(detach_bytes=2_000_000)
    with server.kernel("large.ipynb") as kernel:
        output_of(kernel, DECLARE + "table, small = np.random.default_rng(0).random(150_000), 1")
        code = (
            "@figserve.live\ndef large():\n    plt.figure(figsize=(small, 1)); plt.plot(table[:3])\n_ = large.detach()"
        )
        execution = kernel.run(code)
        assert execution.error is None
        assert "closure, 1.2 MB: table 1.2 MB, small 0.0 MB" in execution.stderr
        error = kernel.run("table = np.tile(table, 3)\n" + code).error
        assert "TooLarge" in error
        assert "take 3.6 MB (table 3.6 MB" in error
        assert "detach_bytes" in error


def test_hostile_function_is_contained(live_server):
    """Unpickling and calling cannot read, write, connect or start anything outside the sandbox."""
    server = live_server
    secret, trace = server.home / "secret.txt", server.home / "trace"
    secret.write_text("the server's own")
    with server.kernel("evil.ipynb") as kernel:
        output_of(
            kernel,
            DECLARE
            + f"""
import socket, subprocess
class Evil:
    def __reduce__(self):
        return eval, ("[__import__('os').system('touch {trace}'), 1][1]",)
attempts = [
    lambda: open({str(secret)!r}).read(),
    lambda: open({str(trace)!r}, "w"),
    lambda: socket.create_connection(("127.0.0.1", {urlsplit(server.url).port}), 1),
    lambda: subprocess.run(["touch", {str(trace)!r}], check=True),
    lambda: os.kill(os.getppid(), 9),
]
evil = Evil()
@figserve.live
def attack(n: int = 0):
    held, done = evil, []
    for number, attempt in enumerate(attempts):
        try:
            attempt()
            done.append(number)
        except BaseException:
            pass
    plt.figure(figsize=(len(done) + 1, 1))
_ = attack.detach()
""",
        )
        live_id = output_of(kernel, "print(attack.id)")
    image = server.fetch(f"figserve/live/f/{live_id}.png")
    assert image.status == 200
    assert int.from_bytes(image.body[16:20]) == 100, "some attempt succeeded"
    assert not trace.exists()
    assert server.fetch("figserve/api/status").status == 200


def test_sandbox_of_another_python_is_named(kernel):
    """A function from another Python version is not unpickled; the message names both versions."""
    error = kernel.run("""
import jupyter_figserve.plotting.libraries as libraries
real = libraries.loaded_versions
libraries.loaded_versions = lambda: real() | {"python": "3.8"}
try:
    animal.detach()
finally:
    libraries.loaded_versions = real
""").error
    here = output_of(kernel, "import sys; print('%d.%d' % sys.version_info[:2])")
    assert "Conflict" in error
    assert f"Python 3.8, and the sandbox has Python {here}" in error


SAVE = """
import re
from matplotlib.figure import Figure
here = []

@figserve.live
def herd(many: Annotated[int, figserve.Range(1, 6)] = 2, bad: bool = False):
    if bad:
        raise ValueError("no herd")
    here.append(many)
    return Figure(figsize=(many, 1))

herd.detach()
here.clear()
page = figserve.Dashboard("Herds", [herd]).save("herds.html").read_text()
print(len(here), len(set(re.findall("data:image/svg[^\\"]*", page))), page.count("ValueError: no herd"))
"""
AGAIN = SAVE.replace("herd.detach()\n", "")


def test_a_dashboard_is_saved_from_the_sandbox(kernel):
    """The sandbox renders all states but the first, which decides the format; redefined functions run in the kernel."""
    execution = kernel.run(SAVE)
    assert execution.error is None, execution.error
    assert execution.stdout.splitlines()[-1] == "1 6 6"
    assert kernel.run(AGAIN).stdout.splitlines()[-1] == "7 6 6"
