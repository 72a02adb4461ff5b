"""Archive images are drawn and sent after the cell."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from jupyter_figserve.kernel.cells import cell_monitor
from jupyter_figserve.kernel.figures import archiver
from jupyter_figserve.kernel.figures.archiver import Archiver, PublishedVersion, UnpickledJob
from jupyter_figserve.model.figures import EncodedImage

from ..conftest import STATUS, Reply

SVG = EncodedImage("image/svg+xml", b"<svg/>", 614, 461)


@dataclass
class Job:
    """A job that draws an SVG, and sets an event when done."""

    target: PublishedVersion
    source: bytes = b"pickle"
    error: Exception | None = None
    is_for_main_thread: bool = False
    drawn: threading.Event = field(default_factory=threading.Event)
    limits: list[int] = field(default_factory=list)

    def draw(self, max_bytes: int) -> list[EncodedImage] | None:
        return None if self.is_for_main_thread else self.draw_alone(max_bytes)

    def draw_alone(self, max_bytes: int) -> list[EncodedImage]:
        self.limits.append(max_bytes)
        self.drawn.set()
        if self.error:
            raise self.error
        return [SVG]


class Shell:
    """Stands for IPython, of which the test runs the cells."""

    def __init__(self) -> None:
        self.events = self
        self.callbacks: dict[str, Any] = {}

    def register(self, name: str, callback: Any) -> None:
        self.callbacks[name] = callback


@pytest.fixture
def shell(monkeypatch):
    """IPython, running a cell."""
    shell = Shell()
    monkeypatch.setattr(cell_monitor, "find_shell", lambda: shell)
    return shell


@pytest.fixture
def server(fake):
    fake.limit = 1000

    def answer(request):
        if request.path.endswith("api/status"):
            return Reply.of(200, {**STATUS, "limits": {**STATUS["limits"], "preserve_bytes": fake.limit}})
        return None

    fake.instead = answer
    return fake


@pytest.fixture
def target(server) -> PublishedVersion:
    return PublishedVersion(server.client(), "figure0000000000", 2)


def test_the_images_are_sent_to_the_version(server, target):
    """With type and size; the limit is requested from the server once."""
    archive, job = Archiver(), Job(target)
    archive.put(job)
    archive.put(Job(target))
    assert archive.flush(10)
    first, _ = server.archived["figure0000000000", 2]
    assert (first.body, first.headers["content-type"], first.query) == (
        SVG.data,
        "image/svg+xml",
        {"width": "614", "height": "461"},
    )
    assert job.limits == [1000]
    assert [request.path for request in server.received].count("/base/figserve/api/status") == 1


def test_nothing_is_rendered_while_the_cell_runs(server, target, shell):
    """Nor before the reply; the end of the cell starts it."""
    archive, job = Archiver(), Job(target)
    archive.put(job)
    assert not archive._monitor.is_idle
    shell.callbacks["post_run_cell"]()
    assert job.drawn.wait(10)
    shell.callbacks["pre_run_cell"]()
    assert not archive._monitor.is_idle


def test_the_end_of_the_process_waits_for_no_cell(server, target, shell):
    """A flush draws at once."""
    archive, job = Archiver(), Job(target)
    archive.put(job)
    assert archive.flush(10)
    assert job.drawn.is_set()


def test_a_failure_leaves_the_next_alone(server, target):
    """For any exception that drawing raises."""
    archive = Archiver()
    archive.put(Job(target, error=ValueError("broken")))
    archive.put(Job(target))
    assert archive.flush(10)
    assert len(server.archived["figure0000000000", 2]) == 1


def test_a_server_may_want_none(server, target):
    """With ``FigServe.preserve_bytes=0`` nothing is drawn."""
    server.limit = 0
    archive, job = Archiver(), Job(target)
    archive.put(job)
    assert archive.flush(10)
    assert not job.drawn.is_set()


def test_the_queue_is_bounded(server, target, shell, monkeypatch):
    """The oldest figures get no archive images."""
    monkeypatch.setattr(archiver, "_MAX_QUEUE_BYTES", 10)
    archive = Archiver()
    jobs = [Job(target, b"12345") for _ in range(5)]
    for job in jobs:
        archive.put(job)
    assert archive.flush(10)
    assert sum(job.drawn.is_set() for job in jobs) <= 3
    assert jobs[-1].drawn.is_set()


def test_unpicklable_figure_is_rendered_between_cells(server, target, shell, monkeypatch):
    """In the thread of the cells, which may be using the figure."""
    threads = []

    def draw(encoded, max_bytes):
        threads.append(threading.current_thread())
        return [SVG]

    monkeypatch.setattr("jupyter_figserve.plotting.archive.draw_if_unchanged", draw)
    archive = Archiver()
    archive.put(UnpickledJob(target, None))
    shell.callbacks["post_run_cell"]()
    assert threads == [threading.main_thread()]
    assert archive.flush(10)
    assert len(server.archived["figure0000000000", 2]) == 1


def test_what_another_thread_cannot_draw_is_rendered_in_the_main_thread(server, target, shell):
    """Between cells, as soon as it is known; at the end of the process too."""
    archive, job = Archiver(), Job(target, is_for_main_thread=True)

    async def end_cell():
        archive.put(job)
        shell.callbacks["post_run_cell"]()
        while not job.drawn.is_set():
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(end_cell(), 10))
    assert archive.flush(10)
    last = Job(target, is_for_main_thread=True)
    archive.put(last)
    assert archive.flush(10)
    assert last.drawn.is_set()
    assert len(server.archived["figure0000000000", 2]) == 2
