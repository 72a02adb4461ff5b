"""Checks of this interpreter's packages and this shell's proxies."""

from __future__ import annotations

import sys

import pytest

from jupyter_figserve.cli.checks.environment import check_environment, requirements, satisfies


def results(check: str) -> list:
    return [result for result in check_environment() if result.check == check]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_healthy_environment():
    """This environment has no problems."""
    assert [result.state for result in check_environment()] == ["ok", "ok"]


def test_requirements_come_from_the_package():
    """Requirements come from the metadata; those of extras only on request."""
    assert requirements()["matplotlib"].startswith(">=3")
    assert "ipykernel" not in requirements()
    assert requirements("ipykernel")["ipykernel"].startswith(">=6")


@pytest.mark.parametrize(
    ("version", "specifier", "good"),
    [
        ("3.11.2", ">=3.8", True),
        ("3.10", ">=3.8", True),
        ("3.7.9", ">=3.8", False),
        ("4.0rc1", ">=3.8", True),
        ("?", ">=3", True),
    ],
)
def test_versions_are_compared_as_versions(version, specifier, good):
    """3.10 is newer than 3.8; an unparseable version passes."""
    assert satisfies(version, specifier) is good


def old(directory, name: str, version: str) -> str:
    """A directory with metadata of this version of a package."""
    info = directory / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return str(directory)


def test_outdated_package(tmp_path, monkeypatch):
    """The package, the requirement and the command for this interpreter are named."""
    monkeypatch.setattr(sys, "path", [old(tmp_path, "tornado", "5.1"), *sys.path])
    (found,) = results("packages")
    assert found.state == "wrong"
    assert "tornado 5.1 is too old" in found.says
    assert found.mend.startswith(f"{sys.executable} -m pip install --upgrade 'tornado>=")


@pytest.mark.parametrize(
    ("variables", "state"),
    [
        ({"http_proxy": "http://proxy:3128"}, "wrong"),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "wrong"),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "example.org"}, "wrong"),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "localhost,127.0.0.1"}, "note"),
        ({"http_proxy": "http://proxy:3128", "NO_PROXY": "*"}, "note"),
        ({"ftp_proxy": "http://proxy:3128"}, "ok"),
    ],
)
def test_proxies_for_loopback(variables, state, monkeypatch):
    """Only proxies that affect loopback are reported; the suggested variable fixes it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (found,) = results("proxies")
    assert found.state == state
    if state == "wrong":
        name, value = found.mend.removeprefix("export ").split("=", 1)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv(name, value)
        assert results("proxies")[0].state == "note"
