"""Hosts that lack features: the resulting tier, its reasons, and the refusal to run code without a sandbox."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import venv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from jupyter_figserve.errors import SandboxUnavailable
from jupyter_figserve.sandbox import doctor
from jupyter_figserve.sandbox.host import self_test
from jupyter_figserve.sandbox.host.pool import LocalRenderer
from jupyter_figserve.sandbox.jail.jail import seccomp
from jupyter_figserve.sandbox.jail.syscalls import call
from jupyter_figserve.sandbox.renderer import RendererStatus

from ...conftest import ELSEWHERE
from ..as_user import USER
from ..harness import LINE, Bait, Sandbox, is_started, poor_host

AS_USER = [sys.executable, str(Path(__file__).parents[1] / "as_user.py"), "--"]


def started(*lacking: str, **settings) -> Sandbox:
    return Sandbox("FULL", wrap=[*settings.pop("before", []), *poor_host(*lacking)], **settings)


def probed(*lacking: str) -> RendererStatus:
    """Return what a probe finds: it loads no libraries, leaves no process, and renders nothing."""

    async def scene() -> RendererStatus:
        renderer = LocalRenderer(wrap=poor_host(*lacking))
        assert renderer.status.tier == "none"
        await renderer.probe()
        assert not [child for child in psutil.Process().children() if is_started(child)]
        status = renderer.status
        await renderer.close()
        return status

    return asyncio.run(scene())


@pytest.mark.parametrize(
    ("lacking", "tier", "reason"),
    [
        ((), "FULL", ""),
        # Every run has this tier as an ordinary user, and attacks it: test_hostile_code.py.
        pytest.param(("container",), "STRICT", "namespaces: [Errno 1] unshare", marks=pytest.mark.nightly),
        pytest.param(("no-user-namespaces",), "STRICT", "user.max_user_namespaces", marks=pytest.mark.nightly),
        pytest.param(
            ("apparmor",), "STRICT", "kernel.apparmor_restrict_unprivileged_userns", marks=pytest.mark.nightly
        ),
        (("container", "one-user"), "STRICT", "no scratch directory"),
        (("no-landlock",), "NS", "Landlock: not available in this kernel"),
        (("no-seccomp",), "none", "seccomp: the filter cannot be loaded"),
        (("container", "no-landlock"), "none", "this host does not offer enough"),
    ],
)
def test_R39_the_tier_of_a_host(lacking: tuple[str, ...], tier: str, reason: str, bait: Bait):
    """A probe and a start report it with its reasons; files are unreadable in all tiers; ``none`` runs no code."""
    probe = probed(*lacking)
    sandbox = started(*lacking)
    try:
        report = sandbox.renderer.status
        assert report.tier == tier
        assert probe == replace(report, libraries={})
        assert reason in " ".join(report.reasons)
        answer = sandbox.attack(f"print(open({str(bait.open_file)!r}).read())\n{LINE}")
        assert isinstance(answer, Exception)
        assert "No such file" in str(answer) or "denied" in str(answer) or tier == "none"
        if tier == "none":
            assert isinstance(answer, SandboxUnavailable)
            assert reason in str(answer)
            assert not sandbox.processes()
        else:
            sandbox.assert_well()
        bait.assert_unharmed()
    finally:
        sandbox.close()


def test_a_probe_reports_a_missing_matplotlib(tmp_path: Path):
    """As a start would; after a start, the start's result takes precedence."""
    venv.create(tmp_path / "bare", with_pip=False)

    async def scene() -> None:
        renderer = LocalRenderer(render_python=str(tmp_path / "bare" / "bin" / "python"))
        await renderer.probe()
        assert renderer.status.tier == "none"
        assert "No module named 'numpy'" in " ".join(renderer.status.reasons)
        await renderer.start()
        started = renderer.status
        await renderer.probe()
        assert renderer.status is started
        await renderer.close()

    asyncio.run(scene())


def test_missing_namespaces_are_found_before_libraries_are_loaded(tmp_path):
    """Otherwise a container would load them twice, which takes most of a start."""
    venv.create(tmp_path / "bare", with_pip=False)

    async def scene() -> tuple[str, ...]:
        renderer = LocalRenderer(
            wrap=poor_host("container"), render_python=str(tmp_path / "bare" / "bin" / "python"), cache=tmp_path
        )
        await renderer.start()
        await renderer.close()
        return renderer.status.reasons

    of_namespaces, of_libraries, *_ = asyncio.run(scene())
    assert of_namespaces.startswith("namespaces: [Errno 1]")
    assert "No module named" in of_libraries


@pytest.mark.skipif(os.geteuid() != 0, reason=ELSEWHERE + "only root can become another user")
@pytest.mark.parametrize(
    ("lacking", "tier"),
    [
        (("container",), "STRICT"),
        # Every run attacks FULL as a user: test_informed_attacks.py.
        pytest.param((), "FULL", marks=pytest.mark.nightly),
        pytest.param(("no-landlock",), "NS", marks=pytest.mark.nightly),
    ],
)
def test_the_tier_of_an_ordinary_user(lacking: tuple[str, ...], tier: str, tmp_path: Path):
    """An ordinary user gets the same tier as root: no tier needs root privileges."""
    cache = tmp_path / "cache"
    cache.mkdir()
    for directory in (cache, *list(tmp_path.parents)[:2], tmp_path):
        directory.chmod(0o755)
    os.chown(cache, USER, USER)
    sandbox = started(*lacking, before=AS_USER, cache=cache)
    try:
        assert sandbox.renderer.status.tier == tier, sandbox.renderer.status.reasons
        assert str(USER) in sandbox.render("import os\nprint(os.getuid())\n" + LINE).output
        sandbox.assert_well()
    finally:
        sandbox.close()


@pytest.mark.skipif(os.geteuid() != 0, reason=ELSEWHERE + "only root can become another user")
def test_children_of_a_containers_root_have_their_own_user_ids():
    """Without namespaces, no child owns a file, and no two have the same user."""
    sandbox = started("container", before=[*AS_USER[:2], "root", "--"])
    try:
        assert sandbox.renderer.status.tier == "STRICT", sandbox.renderer.status.reasons
        users = {
            sandbox.render("import os\nprint(os.getuid(), os.geteuid(), os.getgroups())\n" + LINE).output
            for _ in range(3)
        }
        assert len(users) == 3
        assert all(re.fullmatch(r"(61\d{3}) \1 \[\]\n", user) for user in users), users
        sandbox.assert_well()
    finally:
        sandbox.close()


def test_an_administrator_may_allow_unsandboxed_code(caplog: pytest.LogCaptureFixture):
    """Only on hosts without a sandbox; the log states it at each start, and so does the report."""
    sandbox = started("no-seccomp", allow_unsandboxed=True)
    try:
        report = sandbox.renderer.status
        assert (report.tier, report.is_unsandboxed) == ("none", True)
        assert "WITHOUT A SANDBOX" in caplog.text
        assert "WITHOUT" in doctor.describe(report)
        sandbox.assert_well()
    finally:
        sandbox.close()
    better = Sandbox("FULL", allow_unsandboxed=True)
    try:
        assert (better.renderer.status.tier, better.renderer.status.is_unsandboxed) == ("FULL", False)
    finally:
        better.close()


def test_a_sandbox_that_fails_its_self_test_is_not_used(monkeypatch: pytest.MonkeyPatch):
    """The result of the self-test counts, not the features that the kernel reports."""
    leaky = self_test._ATTACKS.replace("with open(CANARY) as file:\n        return bool(file.read())", "return True")
    assert leaky != self_test._ATTACKS
    monkeypatch.setattr(self_test, "_ATTACKS", leaky)
    sandbox = started()
    try:
        assert sandbox.renderer.status.tier == "none"
        assert "reads_a_file" in " ".join(sandbox.renderer.status.reasons)
        assert isinstance(sandbox.attack(LINE), SandboxUnavailable)
    finally:
        sandbox.close()


def test_actual_harm_fails_the_self_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Even if the attack reports that it was stopped."""
    monkeypatch.setattr(self_test, "_ATTACKS", "print('[]')")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with self_test._bait() as (_, harm):
        assert harm() == []
        canary = next(tmp_path.glob("**/canary"))
        canary.chmod(0o600)
        canary.write_text("changed", encoding="ascii")
        assert harm() == ["a file was changed"]


@pytest.mark.parametrize(
    ("python", "reason"),
    [("/no/such/python", "Cannot start"), ("/bin/true", "ended at once"), ("/usr/bin/python3", "")],
)
def test_an_interpreter_that_cannot_render(python: str, reason: str):
    """The error names it, with its last line of output."""
    if not os.path.exists(python) and "no" not in python:
        pytest.skip(f"{ELSEWHERE}{python}")
    report = doctor.examine(python)
    if not reason and report.tier != "none":
        pytest.skip(ELSEWHERE + "a system's Python without matplotlib")
    assert report.tier == "none"
    assert reason in " ".join(report.reasons)


def test_another_platform_is_rejected_with_a_reason(monkeypatch: pytest.MonkeyPatch):
    """Nothing is started there."""
    monkeypatch.setattr(sys, "platform", "darwin")
    report = doctor.examine()
    assert report.tier == "none"
    assert "darwin" in doctor.describe(report)


def test_the_doctor_describes_each_tier():
    """In one paragraph."""
    for tier in ("FULL", "NS", "STRICT", "none"):
        assert f"Sandbox {tier}" in doctor.describe(RendererStatus(tier, ("Because.",)))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_of_each_architecture(monkeypatch: pytest.MonkeyPatch, machine: str):
    """Every jump of the program ends inside it, and every allowed call has a number there or in neither."""
    from jupyter_figserve.sandbox.jail import syscalls

    monkeypatch.setattr(syscalls.os, "uname", lambda: SimpleNamespace(machine=machine))
    syscalls.architecture.cache_clear()
    try:
        program = seccomp.build_filter(1)
        numbers = syscalls.architecture().numbers
    finally:
        monkeypatch.undo()
        syscalls.architecture.cache_clear()
    steps = [program[i : i + 8] for i in range(0, len(program), 8)]
    for place, step in enumerate(steps):
        if step[0] & 7 == 5:
            assert place + 1 + max(step[2], step[3]) < len(steps)
    assert steps[-1][0] == 6
    assert len(steps) < 4096
    assert {"read", "write", "mmap", "exit_group", "futex", "openat"} <= set(numbers)
    assert not {"fork", "execve", "socket", "ptrace", "kill"} & set(seccomp.ALLOWED)


def test_numbers_agree_with_the_systems_headers():
    """Checked where they are installed: a wrong number would allow another call."""
    from jupyter_figserve.sandbox.jail import syscalls

    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    generic = Path("/usr/include/asm-generic/unistd.h")
    if not (header.exists() and generic.exists()):
        pytest.skip(f"{ELSEWHERE}the kernel's headers")
    x86 = _numbers(header, "__NR_")
    arm = _numbers(generic, "__NR_") | _numbers(generic, "__NR3264_")
    arm |= {"newfstatat": arm["fstatat"]}
    fields = syscalls._TABLE.split()
    for name, first, second in (fields[i : i + 3] for i in range(0, len(fields), 3)):
        assert x86[name] == int(first), name
        assert second == "-" or arm[name] == int(second), name


def _numbers(path: Path, prefix: str) -> dict[str, int]:
    rows = (
        line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(f"#define {prefix}")
    )
    return {row[1].removeprefix(prefix): int(row[2]) for row in rows if len(row) > 2 and row[2].isdigit()}


def test_a_failing_system_call_is_named():
    """With its errno."""
    with pytest.raises(OSError, match="close_range") as caught:
        call("close_range", 5, 4, 0)
    assert caught.value.errno
