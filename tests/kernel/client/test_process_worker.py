"""The worker of a process: made once, finished at the end, not inherited by a forked child."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jupyter_figserve.kernel.client.process_worker import ProcessWorker

SCRIPT = """
from jupyter_figserve.kernel.client.process_worker import ProcessWorker
class Worker:
    def flush(self, timeout):
        print("flushed", timeout)
        return True
worker = ProcessWorker(Worker)
assert worker.get() is worker.get()
"""


class Worker:
    def flush(self, timeout: float) -> bool:
        return timeout > 1


def test_worker_is_made_once_and_when_it_is_needed():
    """Without one there is nothing to finish."""
    worker = ProcessWorker(Worker)
    assert worker.flush(0)
    assert not worker.is_started
    assert worker.get() is worker.get()
    assert (worker.flush(0), worker.flush(2)) == (False, True)


def test_worker_is_finished_at_the_end_of_the_process():
    """Once, with the time that the end of a process allows."""
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["flushed 5.0"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not on this machine: fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_forked_child_has_no_worker():
    """The parent does its own work."""
    worker = ProcessWorker(Worker)
    worker.get()
    child = os.fork()
    if child == 0:
        os._exit(int(worker.is_started))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert worker.is_started
