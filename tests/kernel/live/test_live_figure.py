"""Live figures of real kernels behind a real server: responses, and isolation from the user's cell."""

from __future__ import annotations

import concurrent.futures
import http.client
import re
from collections.abc import Callable
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from ...png_header import png_size
from ...waiting import wait_until

pytestmark = pytest.mark.kernel

DECLARE = """
import threading, time
import jupyter_figserve as figserve, matplotlib, matplotlib.pyplot as plt
from matplotlib.figure import Figure
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Literal, Optional
from jupyter_figserve import Range

class Colour(Enum):
    RED = "r"
    BLUE = "b"

calls = []

@figserve.live
def animal(type: Literal["Bear", "Deer"] = "Deer", since: Annotated[int, Range(2000, 2022)] = 2010, log: bool = False,
           ratio: float = 0.5, colour: Colour = Colour.RED, day: date = date(2024, 1, 1), at: Optional[datetime] = None,
           x: list[float] = [1, 2, 3], words: list[str] = [], free: str = "", part=(0, 10)):
    "Animal sightings."
    calls.append((type, since, log, ratio, colour, day, at, x, words, free, part))
    fig = Figure(figsize=(3, 2))
    fig.subplots().plot(x)
    return fig

@figserve.live
def pyplot(size: int = 9):
    print("printed by a live call")
    plt.rcParams["font.size"] = size
    plt.figure(figsize=(2, 2))
    plt.plot([1, 2])
    plt.title("live")
    plt.show()

@figserve.live
def failing(how: str = "raise"):
    secret_local = 1
    if how == "exit":
        raise SystemExit(3)
    if how == "nothing":
        return None
    if how == "object":
        return object()
    print("before")
    raise ValueError("no such animal")

@figserve.live
def mathematical(n: int = 0):
    plt.figure(figsize=(3, 2))
    for i in range(5):
        plt.title(rf"$\\frac{{{n}}}{{{i}}} \\alpha_{{{n}{i}}}$")
        plt.tight_layout()
"""


@pytest.fixture(scope="module")
def kernel(live_server):
    """One kernel with declared live figures."""
    with live_server.kernel("live.ipynb") as session:
        execution = session.run(DECLARE + "animal.url()")
        assert execution.error is None, execution.error
        yield session


@pytest.fixture
def get(live_server, kernel):
    """Return an image of the kernel, by the rest of its path."""

    def ask(rest: str, **options):
        return live_server.fetch(f"figserve/live/{kernel.kernel_id}/{rest}", **options)

    return ask


def value_of(kernel, code: str) -> str:
    execution = kernel.run(f"print({code})")
    assert execution.error is None, execution.error
    return execution.stdout.strip()


@contextmanager
def running(kernel, code: str):
    """Run a cell while the block runs; its result is appended to the yielded list."""
    outcome: list = []
    begun = "import threading as _t; print('begun', flush=True)\n"
    message = kernel.send(begun + code)
    while True:
        news = kernel._client.get_iopub_msg(timeout=30)
        if news["msg_type"] == "stream" and "begun" in news["content"]["text"]:
            break
    yield outcome
    outcome.append(kernel.receive(message))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "",
            "('Deer', 2010, False, 0.5, <Colour.RED: 'r'>, datetime.date(2024, 1, 1), None, [1.0, 2.0, 3.0], [], ''",
        ),
        ("type=Bear&since=2000&log=true", "('Bear', 2000, True, 0.5,"),
        ("ratio=1e3&colour=BLUE", "1000.0, <Colour.BLUE: 'b'>"),
        ("day=2020-02-29&at=2020-02-29T10:30", "datetime.date(2020, 2, 29), datetime.datetime(2020, 2, 29, 10, 30)"),
        ("x=1,2,3", "None, [1.0, 2.0, 3.0]"),
        ("x=4&x=5", "None, [4.0, 5.0]"),
        (r"words=a,b\,c&free=%C3%A4%20b", "['a', 'b,c'], 'ä b'"),
        ("part=7&_=1234", ", 7)"),
    ],
)
def test_query_becomes_arguments(kernel, get, query, expected):
    """Each type arrives as the declared Python type."""
    response = get(f"animal.png?{query}")
    assert (response.status, response.mimetype) == (200, "image/png"), response.text
    assert response.body.startswith(b"\x89PNG")
    assert expected in value_of(kernel, "calls[-1]")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("type=Wolf", "type='Wolf' is not allowed: it must be one of Bear, Deer."),
        ("since=1999", "from 2000 to 2022"),
        ("since=x", "since='x'"),
        ("log=2", "true or false"),
        ("ratio=inf", "a number"),
        ("colour=r", "one of RED, BLUE"),
        ("day=2020-02-30", "a date"),
        ("at=noon", "a time"),
        ("x=1,two", "x='two'"),
        ("part=11", "from 0 to 10"),
        ("typ=Bear", "Unknown parameter 'typ'"),
        ("width=0", "width='0'"),
        ("dpi=99999", "dpi is at most 1,200"),
    ],
)
def test_wrong_value_never_reaches_the_function(kernel, get, query, message):
    """The 400 names the parameter, the value and the allowed values."""
    before = value_of(kernel, "len(calls)")
    response = get(f"animal.png?{query}")
    assert response.status == 400
    assert message in response.json()["error"]
    assert value_of(kernel, "len(calls)") == before


def test_formats_and_sizes(get):
    """Sizes are pixels at the dpi, or at 96 dpi for vector formats; unknown formats are 415."""
    assert png_size(get("animal.png?width=300").body) == (300, 200)
    assert png_size(get("animal.png?width=300&height=300&dpi=150").body) == (300, 300)
    svg = get("animal.svg?width=480")
    assert svg.mimetype == "image/svg+xml"
    assert re.search(r'width="360pt" height="240pt"', svg.text)
    assert get("animal.pdf").body.startswith(b"%PDF-")
    assert get("animal.bmp").status == 415
    assert get("animal.json").json()["schema"]["properties"]["since"]["minimum"] == 2000


def test_hidpi_images_are_cached_separately(kernel, get):
    """The image has twice the pixels, as a header states; other objects and explicit sizes are unchanged."""

    def seen(path: str) -> tuple[tuple[int, int] | None, str | None]:
        response = get(path)
        assert response.status == 200, response.text
        return png_size(response.body), response.headers["Content-DPR"]

    assert seen("animal.png") == ((300, 200), None)
    assert seen("animal.png?_density=2") == ((600, 400), "2")
    assert seen("animal.png?_density=1") == ((300, 200), None)
    assert seen("animal.png?_density=2&width=300") == ((300, 200), None)
    assert get("animal.svg?_density=2").body == get("animal.svg").body
    run = "from PIL import Image\n@figserve.live\ndef photo(): return Image.new('RGB', (30, 20))\nphoto.url()"
    assert kernel.run(run).error is None
    assert seen("photo.png?_density=2") == ((30, 20), None)
    wrong = get("animal.png?_density=3")
    assert (wrong.status, wrong.json()["error"]) == (400, "_density='3': use one of 1, 2.")


@pytest.mark.compat
def test_pyplot_leaves_nothing_behind(kernel, get):
    """A call leaves no figure, rcParams or output in the next cell."""
    before = value_of(kernel, "plt.rcParams['font.size'], plt.get_fignums(), type(plt.rcParams).__name__")
    response = get("pyplot.svg?size=30")
    assert response.status == 200, response.text
    execution = kernel.run("x = 1")
    assert execution.outputs == []
    assert value_of(kernel, "plt.rcParams['font.size'], plt.get_fignums(), type(plt.rcParams).__name__") == before


@pytest.mark.compat
def test_half_built_figure_of_a_running_cell_is_untouched(kernel, get):
    """The cell's figure stays current and complete, and is displayed once; its rcParams stay set."""
    code = """
plt.figure(); plt.plot([1, 2, 3]); mine = plt.gcf()
go = threading.Event()
while not go.is_set(): time.sleep(0.01)
plt.rcParams["lines.linewidth"] = 7
assert plt.gcf() is mine and plt.get_fignums() == [1]
plt.title("late")
seen = len(mine.axes), mine.axes[0].get_title()
"""
    with running(kernel, code) as outcome:
        for size in (20, 25):
            assert get(f"pyplot.png?size={size}").status == 200
        release(kernel, get)
    (execution,) = outcome
    assert execution.error is None
    assert sum("image/png" in bundle for bundle in execution.bundles) == 1
    assert "printed by a live call" not in execution.stdout
    assert value_of(kernel, "seen, plt.rcParams['lines.linewidth'], plt.get_fignums()") == "(1, 'late') 7.0 []"


def release(kernel, get) -> None:
    """Let a cell continue that waits for ``go``, through a live figure that sets it."""
    assert get("gate.png").status == 200


@pytest.fixture(scope="module", autouse=True)
def gate(kernel):
    """A live figure that lets waiting cells continue."""
    code = """
go = threading.Event()
@figserve.live
def gate():
    go.set()
    return Figure(figsize=(1, 1))
gate.url()
"""
    assert kernel.run(code).error is None


BUSY = {
    "sleep": "go = threading.Event()\ngo.wait(30)",
    "python": "go = threading.Event()\nn = 0\nwhile not go.is_set(): n += 1",
    "numpy": "go = threading.Event()\nimport numpy as np\na = np.ones((300, 300))\nwhile not go.is_set(): b = a @ a",
}


@pytest.mark.compat
@pytest.mark.parametrize("how", sorted(BUSY))
def test_responds_while_a_cell_runs(kernel, get, how):
    """Calls are answered during sleep, a Python loop and numpy; the cell ends normally."""
    with running(kernel, BUSY[how]) as outcome:
        answers = [get(f"animal.svg?since={2000 + n}").status for n in range(3)]
        release(kernel, get)
    assert answers == [200] * 3
    assert outcome[0].error is None


@pytest.mark.compat
def test_cell_with_input_is_not_disturbed(live_server, kernel, get):
    """A live call while a cell waits in ``input`` does not disturb the prompt."""
    client = kernel._client
    message = client.session.msg(
        "execute_request",
        {"code": "response = input('who? ')", "silent": False, "store_history": True, "allow_stdin": True,
         "user_expressions": {}, "stop_on_error": True},
    )  # fmt: skip
    client.shell_channel.send(message)
    client.get_stdin_msg(timeout=30)
    assert get("pyplot.png").status == 200
    assert get("animal.png").status == 200
    client.input("ann")
    assert kernel.receive(message["header"]["msg_id"]).error is None
    assert value_of(kernel, "response") == "ann"


def test_mathtext_in_both_threads(kernel, get):
    """Concurrent ``tight_layout`` with new formulas fails neither in the cell nor in live calls."""
    code = r"""
go = threading.Event()
failures, n = [], 0
while not go.is_set() or n < 8:
    n += 1
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.set_title(rf"$\frac{{{n}}}{{\beta_{n}}}$")
    fig.tight_layout()
    plt.close(fig)
"""
    with running(kernel, code) as outcome:
        answers = [get(f"mathematical.png?n={n}") for n in range(6)]
        release(kernel, get)
    assert [response.status for response in answers] == [200] * 6, [
        response.text for response in answers if response.status != 200
    ]
    assert outcome[0].error is None


@pytest.mark.compat
def test_owner_sees_the_failure(get):
    """The response has type, message, line, traceback and output."""
    response = get("failing.png")
    assert response.status == 422
    error = response.json()
    assert (error["code"], error["error"], error["kind"]) == ("code_failed", "ValueError: no such animal", "ValueError")
    assert error["output"] == "before\n"
    assert "raise ValueError" in error["traceback"]
    assert "jupyter_figserve" not in error["traceback"]


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("exit", "code_failed", "SystemExit: 3"),
        ("nothing", "no_figure", "returned nothing and drew nothing"),
        ("object", "output_invalid", "Cannot render an object of type object"),
    ],
)
def test_failing_functions(get, how, code, message):
    """The worker thread survives any exception."""
    response = get(f"failing.png?how={how}")
    assert (response.status, response.json()["code"]) == (422, code)
    assert message in response.json()["error"]
    assert get("animal.png").status == 200


def test_concurrent_viewers_share_one_call(live_server, kernel, tmp_path):
    """500 concurrent identical requests call the function once."""
    gate = tmp_path / "gate"
    code = f"""
@figserve.live
def gated(n: int = 1):
    calls.append(n)
    while not pathlib.Path({str(gate)!r}).exists():
        time.sleep(0.01)
    return Figure(figsize=(1, 1))
"""
    assert kernel.run(f"import pathlib, time\ncalls.clear(){code}").error is None
    path = f"figserve/live/{kernel.kernel_id}/gated.png?n=77"
    assert set(concurrent_statuses(live_server, path, 500, when_sent=gate.touch)) == {200}
    assert value_of(kernel, "calls") == "[77]"


def concurrent_statuses(server, path: str, count: int, when_sent: Callable[[], None]) -> list[int]:
    """Return the statuses of ``count`` identical GETs; calls ``when_sent`` once the server has read all of them."""
    parts = urlsplit(server.url)
    connections = [http.client.HTTPConnection(parts.hostname, parts.port, timeout=60) for _ in range(count)]
    for connection in connections:
        connection.request("GET", parts.path + path, headers={"Authorization": f"token {server.token}"})
    # It accepts connections in their order, and reads what has arrived in each round of its loop.
    for _ in range(2):
        assert server.fetch("figserve/api/status").status == 200
    when_sent()
    statuses = []
    for connection in connections:
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        connection.close()
    return statuses


def test_redefinition_replaces_at_once(kernel, get):
    """The next request after the cell runs the new function with its new parameters."""
    assert (
        kernel.run("@figserve.live\ndef changing(a: int = 1): return Figure(figsize=(1, 1))\nchanging.url()").error
        is None
    )
    assert get("changing.png?a=2").status == 200
    code = "@figserve.live\ndef changing(b: int = 1): return Figure(figsize=(2, 1))\nchanging.url(b=4)"
    assert kernel.run(code).bundles[-1]["text/plain"].endswith("changing?b=4'")
    assert get("changing.png?a=2").status == 400
    assert get("changing.png?b=2").status == 200


def test_calls_of_plain_and_bound_functions(kernel):
    """Calling it calls the function; ``bind`` fixes parameters, also in its URL; abbreviations are expanded."""
    code = """
bound = animal.bind(type="Bear", colour=Colour.BLUE)
bound(since=2001)
print(calls[-1][:5], calls[-1][-1])
print(bound.url(since=2001).rpartition("/")[2], animal.image_url("svg", x=[1, 2], width=300).rpartition("/")[2])
"""
    lines = kernel.run(code).stdout.splitlines()
    assert lines == [
        "('Bear', 2001, False, 0.5, <Colour.BLUE: 'b'>) 5",
        "animal?type=Bear&since=2001&colour=BLUE animal.svg?x=1,2&width=300",
    ]


def test_invalid_declarations_fail_in_their_cell(kernel):
    """Invalid declarations are rejected at decoration."""
    for line, message in (
        ("def f(token=1): ...", "The parameter name 'token' is reserved"),
        ("def f(*a): ...", "cannot be written in a URL"),
        ("def f(a: dict = 1): ...", "which cannot be written in a URL"),
        ("async def f(): ...", "f is an async function"),
    ):
        error = kernel.run(f"@figserve.live\n{line}").error
        assert message in error


@pytest.mark.compat
def test_forked_child_does_not_use_the_connection(kernel, get):
    """A forked child's exit and calls do not affect the parent."""
    code = """
import os, warnings
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    try:
        animal(type="Bear")
        figserve.live(name="of_the_child")(lambda: None)
    finally:
        os._exit(0)
print(os.waitpid(child, 0)[1])
"""
    assert kernel.run(code).stdout.strip() == "0"
    assert get("animal.png").status == 200


def test_unknown_names_are_404(live_server, kernel, get):
    """An unknown name and an unknown session are 404."""
    assert get("nothing.png").status == 404
    assert live_server.fetch("figserve/live/no-session/animal.png").status == 404


def test_list_and_jupyters_session_id(live_server, kernel):
    """``/api/live`` lists each with its schema; Jupyter's session id also works."""
    rows = {row["name"]: row for row in live_server.fetch("figserve/api/live").json()["live"]}
    assert rows["animal"]["session"] == kernel.kernel_id
    assert rows["animal"]["schema"]["properties"]["type"] == {"enum": ["Bear", "Deer"], "default": "Deer"}
    assert live_server.fetch(f"figserve/live/{kernel.session}/animal.png").status == 200


def test_deadline_of_a_call(kernel, live_server, get):
    """A call past its deadline is 504 with Retry-After; those queued behind it do not wait longer."""
    code = "@figserve.live(timeout=1)\ndef stuck(n: int = 0):\n    go.wait(60)\n    return Figure(figsize=(1, 1))"
    assert kernel.run("go = threading.Event()\n" + code).error is None
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda n: get(f"stuck.png?n={n}"), range(2)))
    assert [response.status for response in answers] == [504, 504]
    assert all(int(response.headers["Retry-After"]) > 0 for response in answers)
    assert kernel.run("go.set()").error is None
    wait_until(lambda: get("animal.png").status == 200)
