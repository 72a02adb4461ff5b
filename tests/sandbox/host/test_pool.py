"""The pool: slots, warm children, one job per child, restarts, and cleanup."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import shutil
from pathlib import Path

import psutil
import pytest

from jupyter_figserve.errors import FigServeError, InvalidInput, TooLarge, Unavailable
from jupyter_figserve.model.rendering import RenderJob, RenderResult
from jupyter_figserve.sandbox.host.pool import LocalRenderer

from ...waiting import PATIENCE, until
from ..harness import LINE, Sandbox

QUICK = "import matplotlib.pyplot as plt\nplt.figure(figsize=(1, 1))\n"
HONEST = (LINE, QUICK, QUICK + "print('x' * 5000)\n", "import numpy as np\n" + QUICK + "np.random.rand(1000)\n")
HOSTILE = (
    "import os; os._exit(3)",
    "import ctypes; ctypes.string_at(0)",
    "while True: print('x' * 9999)",
    "while True: pass",
    "import os\nwhile True: os.write(3, bytes(99999))",
    "import os\nfor i in range(999): open(str(i), 'w')",
    "import threading, time\nfor _ in range(99): threading.Thread(target=time.sleep, args=(9,)).start()",
    "bytearray(2 ** 33)",
    "import os\nos.fork()",
    "1 / 0",
    "(" * 5000,
    "import os\nos.close(1); os.close(2); os.close(3)\nwhile True: pass",
    "raise SystemExit('no')",
    "open('x', 'wb').write(bytes(2 ** 25))",
)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def soak(sandbox: Sandbox, count: int) -> None:
    """Run hostile and honest jobs in random order, some of them cancelled, and check that nothing leaks."""
    rng = random.Random(4)

    async def one(number: int) -> object:
        code = rng.choice(HONEST if number % 3 else HOSTILE)
        task = asyncio.create_task(
            sandbox.renderer.render(RenderJob("code", code.encode(), timeout=1 + 4 * (number % 3 > 0)))
        )
        if number % 17 == 5:
            await asyncio.sleep(0)
            task.cancel()
        return (await asyncio.gather(task, return_exceptions=True))[0]

    async def some(numbers: range) -> list[object]:
        return await asyncio.gather(*(one(number) for number in numbers))

    sandbox.run(some(range(20)))
    sandbox.assert_well()
    gc.collect()
    files, memory = descriptors(), psutil.Process().memory_info().rss
    zygote = sandbox.zygote()
    zygote_files, zygote_memory = zygote.num_fds(), zygote.memory_info().rss
    for start in range(20, count, 20):
        answers = sandbox.run(some(range(start, min(start + 20, count))))
        assert all(isinstance(a, (RenderResult, FigServeError, asyncio.CancelledError)) for a in answers), answers
    sandbox.assert_well()
    assert sandbox.zygote() == zygote
    assert len(zygote.children()) <= sandbox.renderer.jobs + sandbox.renderer.warm
    # One warm child more or less accounts for five of our descriptors.
    assert abs(descriptors() - files) <= 5 * sandbox.renderer.warm
    assert zygote.num_fds() - zygote_files <= sandbox.renderer.warm
    assert psutil.Process().memory_info().rss - memory < 60 * 2**20
    assert zygote.memory_info().rss - zygote_memory < 10 * 2**20


@pytest.mark.nightly
def test_a_hundred_mixed_jobs_leak_nothing(sandbox: Sandbox):
    """No process, descriptor or memory remains."""
    soak(sandbox, 100)


@pytest.mark.soak
def test_two_thousand_mixed_jobs_leak_nothing(sandbox: Sandbox):
    """The same over a longer run."""
    soak(sandbox, 2_000)


def test_a_child_does_one_job(full_sandbox: Sandbox):
    """The next job does not see what a job leaves behind."""
    code = "import builtins, os\nprint(hasattr(builtins, 'left'), os.listdir('.'))\nbuiltins.left = 1\nopen('f', 'w')\n"
    assert {full_sandbox.render(code + QUICK).output for _ in range(5)} == {"False []\n"}


def test_children_wait_warm(full_sandbox: Sandbox):
    """As many children as parallel jobs are ready in their jails before the first request."""

    async def scene() -> None:
        renderer = full_sandbox.renderer
        await until(lambda: sum(one.state == "ready" and one.is_warm for one in renderer._idle) == renderer.warm)
        before = {child.number for child in renderer._idle}
        await renderer.render(RenderJob("code", QUICK.encode()))
        assert len(before & {child.number for child in renderer._idle}) == renderer.warm - 1

    full_sandbox.run(scene())


def test_a_job_gives_way(full_sandbox: Sandbox):
    """The process of a visitor's job has a lower priority from the beginning."""

    async def scene() -> None:
        task = asyncio.create_task(full_sandbox.renderer.render(RenderJob("code", b"while True: pass", niceness=10)))
        async with asyncio.timeout(20):
            while 10 not in {process.nice() for process in full_sandbox.zygote().children()}:
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    full_sandbox.run(scene())
    full_sandbox.assert_well()
    assert full_sandbox.zygote().nice() == os.getpriority(os.PRIO_PROCESS, 0)


def test_R31_the_zygote_is_restarted_after_each_death(full_sandbox: Sandbox):
    """Each death starts a new zygote, and nothing of the old ones remains; the other tier: test_hostile_code.py."""
    for _ in range(2):
        old = full_sandbox.zygote()
        family = [old, *old.children(recursive=True)]
        old.kill()
        psutil.wait_procs(family, timeout=PATIENCE)
        full_sandbox.assert_well()
        assert full_sandbox.zygote() != old
        assert not any(process.is_running() for process in family)


def test_jobs_sent_before_the_start_wait_for_it():
    """The server need not wait for the start."""

    async def scene() -> RenderResult:
        renderer = LocalRenderer(jobs=1)
        task = asyncio.create_task(renderer.render(RenderJob("code", QUICK.encode())))
        await asyncio.sleep(0)
        assert not task.done()
        await renderer.start()
        try:
            return await task
        finally:
            await renderer.close()

    assert asyncio.run(scene()).images


def test_closing_leaves_nothing(tmp_path: Path):
    """Closing ends every process, closes every descriptor, and refuses later jobs."""
    before, others = descriptors(), set(psutil.Process().children(recursive=True))
    sandbox = Sandbox("FULL", cache=tmp_path)
    sandbox.render(QUICK)
    family = set(sandbox.processes()) - others
    assert family
    sandbox.run(sandbox.renderer.close())
    assert isinstance(sandbox.attack(QUICK), Unavailable)
    sandbox.close()
    assert descriptors() == before
    assert not any(process.is_running() for process in family)


def test_a_temporary_cache_directory_is_the_fallback(tmp_path: Path):
    """It is removed afterwards; a missing home directory is not an error."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="ascii")
    sandbox = Sandbox("FULL", cache=blocked / "cache")
    try:
        assert sandbox.renderer.status.tier == "FULL", sandbox.renderer.status.reasons
        made = Path(sandbox.renderer._host.cache)
        assert list(made.iterdir())
        sandbox.assert_well()
    finally:
        sandbox.close()
    assert not made.exists()
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.parametrize(
    "fields",
    [{"timeout": 0}, {"timeout": 61}, {"timeout": float("nan")}, {"seed": -1}, {"seed": 2**32}, {"figure": "some"}],
)
def test_invalid_jobs_are_rejected(full_sandbox: Sandbox, fields):
    """They are refused before a child is taken."""
    assert isinstance(full_sandbox.attack(QUICK, **fields), InvalidInput)


def test_sources_are_limited(full_sandbox: Sandbox):
    """Their limit is in bytes."""
    small = Sandbox("FULL", source_bytes=10)
    try:
        assert isinstance(small.attack(QUICK), TooLarge)
    finally:
        small.close()


def test_large_sources_and_results_pass(full_sandbox: Sandbox):
    """Both exceed a pipe's buffer."""
    code = "x = '" + "y" * 3_000_000 + "'\nimport numpy as np\nimport matplotlib.pyplot as plt\n"
    code += "plt.figure(figsize=(20, 20)).figimage(np.random.rand(2000, 2000, 3))\n"
    assert len(full_sandbox.render(code, timeout=50).images[0].data) > 5_000_000


def test_idle_processes_end():
    """After some time without a job all processes end; the next job starts them again with the same result."""
    # A separate sandbox, because the shared ones of this run must keep running.
    sandbox = Sandbox("FULL", jobs=1)
    supervisor = sandbox.renderer._supervisor
    try:
        first = sandbox.render(LINE, seed=1)
        zygote = psutil.Process(supervisor.zygote._process.pid)
        processes = [zygote, *zygote.children(recursive=True)]
        supervisor._idle_timeout = 0.1
        sandbox.loop.call_soon_threadsafe(supervisor.restart_idle_timer)
        _, alive = psutil.wait_procs(processes, timeout=PATIENCE)
        assert not alive
        again = sandbox.render(LINE, seed=1)
        assert [one.data for one in again.images] == [one.data for one in first.images]
    finally:
        sandbox.close()


def test_processes_do_not_end_during_a_job():
    """Even if the job takes longer than the idle timeout."""
    sandbox = Sandbox("FULL", jobs=1, idle_timeout=0.2)
    try:
        assert sandbox.render("import time\ntime.sleep(1)\n" + QUICK).images
    finally:
        sandbox.close()
