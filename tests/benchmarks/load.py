"""Requests per second of several servers, measured with wrk, alternating."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

from jupyter_figserve.demo.server_process import fetch

_CONNECTIONS = 8
_WARM_UP_SECONDS = 1
_ROUND_ROBIN = """
local paths, place = {}, %d
for line in io.lines("%s") do paths[#paths + 1] = line end
function request() place = place %% #paths + 1; return wrk.format("GET", paths[place]) end
"""


class Turns:
    """Paths of one server that are asked for in turns; each run goes on where the one before ended.

    Parameters
    ----------
    paths
        With what is asked of them.
    script
        Where wrk's Lua script goes, with the list beside it.
    """

    def __init__(self, paths: Sequence[str], script: Path) -> None:
        self._place = 0
        self._script = script
        self._list = script.with_suffix(".txt")
        self._list.write_text("\n".join(paths) + "\n")

    def write_script(self) -> Path:
        self._script.write_text(_ROUND_ROBIN % (self._place, self._list))
        return self._script

    def went_on(self, requests: int) -> None:
        self._place += requests + _CONNECTIONS


@dataclass(frozen=True)
class Target:
    """What is asked: a URL, or ``turns`` on its server, whose first process is ``pid``."""

    url: str
    pid: int
    headers: Mapping[str, str] = field(default_factory=dict)
    turns: Turns | None = None


@dataclass(frozen=True)
class Load:
    """Throughput and latency of a target.

    Parameters
    ----------
    rate
        Requests per second.
    work
        Microseconds of processor time that the server took for each, which other work on the machine hardly changes.
    """

    rate: float
    work: float


def compare(targets: Sequence[Target], rounds: int, seconds: int, expected: bytes | None = None) -> list[Load]:
    """Return medians of each target, loaded alternately in several rounds.

    Parameters
    ----------
    expected
        The body that each must answer with.
    """
    for target in targets:
        answer = fetch(target.url, headers=target.headers)
        assert answer.status == 200, f"{target.url} answered {answer.status}"
        assert expected is None or answer.body == expected, f"{target.url} answered with something else"
        if rounds > 1:
            run_wrk(target, _WARM_UP_SECONDS)
    loads: list[list[Load]] = [[] for _ in targets]
    for turn in range(rounds):
        # Forwards and backwards, so that nobody always comes after the same one.
        for place in range(len(targets)) if turn % 2 == 0 else reversed(range(len(targets))):
            loads[place].append(run_wrk(targets[place], seconds))
    return [Load(median(run.rate for run in runs), median(run.work for run in runs)) for runs in loads]


def run_wrk(target: Target, seconds: int) -> Load:
    """Run wrk once; every response must succeed."""
    program = shutil.which("wrk")
    assert program, "wrk is missing: make deps"
    command = [program, "--threads=1", f"--connections={_CONNECTIONS}", "--timeout=10s"]
    command += [f"--duration={seconds}s"]
    command += [f"--header={name}: {value}" for name, value in target.headers.items()]
    if target.turns is not None:
        command.append(f"--script={target.turns.write_script()}")
    before = _work_of(target.pid)
    done = subprocess.run([*command, target.url], capture_output=True, text=True, check=True, timeout=seconds + 30)
    work = _work_of(target.pid) - before
    assert "Non-2xx" not in done.stdout, done.stdout
    found = re.search(r"(\d+) requests in .*Requests/sec:\s+([0-9.]+)", done.stdout, re.DOTALL)
    assert found, done.stdout
    if target.turns is not None:
        target.turns.went_on(int(found[1]))
    return Load(float(found[2]), 1e6 * work / max(1, int(found[1])))


def _work_of(pid: int) -> float:
    """Return seconds of CPU time of a process and its children."""
    first = psutil.Process(pid)
    times = [process.cpu_times() for process in [first, *first.children(recursive=True)]]
    return float(sum(each.user + each.system for each in times))
