"""`make cluster`: real PostgreSQL, SeaweedFS, HAProxy and nginx with two servers and two workers."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import require_program

FOLDER = Path(__file__).parent.parent / "deploy" / "cluster"


@pytest.fixture
def processes(monkeypatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("processes")


def test_a_missing_program_is_named_with_its_command(processes, monkeypatch):
    """All of them at once, with the one command for each."""
    missing = ("haproxy", "weed")
    monkeypatch.setattr(processes, "find_program", lambda name: None if name in missing else f"/usr/bin/{name}")
    with pytest.raises(processes.ClusterError, match=re.escape("Missing: haproxy, weed. Install with: make deps and")):
        processes.check_programs()


def test_addresses_are_replaced_where_they_are(processes):
    """A file without the address would leave a part at its usual port, where another program may be."""
    assert processes.substitute("bind 127.0.0.1:80;", {"127.0.0.1:80": "127.0.0.1:8080"}) == "bind 127.0.0.1:8080;"
    with pytest.raises(processes.ClusterError, match=r"127\.0\.0\.1:81"):
        processes.substitute("bind 127.0.0.1:80;", {"127.0.0.1:81": "127.0.0.1:8080"})


def test_what_was_started_ends(processes, tmp_path):
    """In reverse order, also what does not listen to the signal; a part that fails is named with its log."""
    started = processes.Processes(tmp_path)
    ignores = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    started.start("deaf", [sys.executable, "-c", ignores], stop=processes.signal.SIGTERM)
    started.wait("deaf", lambda: "up" in (tmp_path / "deaf.log").read_text(encoding="utf-8"))
    started.start("broken", [sys.executable, "-c", "raise SystemExit('no port')"])
    with pytest.raises(processes.ClusterError, match=r"broken does not start(.|\n)*no port"):
        started.wait("broken", lambda: False)
    deaf, broken = (part.process for part in started.running)
    started.stop()
    assert None not in (deaf.poll(), broken.poll())


@pytest.mark.nightly
def test_all_parts_work_together():
    """Publishing, sharing, rendering and revoking through nginx, on both servers; nothing is left running."""
    for name in ("nginx", "haproxy", "openssl"):
        require_program(name)
    done = subprocess.run([sys.executable, str(FOLDER), "--exit"], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All parts work together." in done.stdout
    for pid in re.findall(r"process (\d+)", done.stdout):
        assert not Path(f"/proc/{pid}").exists()
