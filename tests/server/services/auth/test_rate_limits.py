"""Rate limits in memory, and in a real Redis that servers share."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator

import limits
import pytest

from jupyter_figserve.errors import FigServeError, TooManyRequests
from jupyter_figserve.server.services.auth.rate_limits import RETRY_SECONDS, RateLimiter, RateStorage
from tests.conftest import require_program
from tests.waiting import wait_until


@pytest.fixture
def redis(tmp_path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address and the process of a Redis that listens on a socket in a directory, and keeps nothing."""
    path = tmp_path / "socket"
    command = [require_program("redis-server"), "--port", "0", "--unixsocket", str(path), "--save", ""]
    process = subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL)
    wait_until(path.exists)
    yield f"redis+unix://{path}", process
    process.kill()
    process.wait()


def make_limiter(storage: RateStorage, code: str = "too_many") -> RateLimiter:
    return RateLimiter("2/day", "Too many", code, storage)


def test_beyond_the_rate_is_refused_with_the_wait():
    """The error says when to come back; another client is not concerned."""
    limiter = RateLimiter("1/hour", "Too many", "too_many")
    limiter.count("ann")
    with pytest.raises(TooManyRequests, match=r"Too many. Try again in \d+ s\.") as refused:
        limiter.count("ann")
    assert refused.value.code == "too_many"
    assert 0 < refused.value.retry_after <= 3_601
    limiter.count("bob")


def test_actions_are_counted_apart():
    """Two limits in one storage have nothing to do with each other, for the same client and rate."""
    storage = RateStorage()
    renders, views = make_limiter(storage, "renders"), make_limiter(storage, "views")
    for _ in range(2):
        renders.count("ann")
        views.count("ann")
    with pytest.raises(TooManyRequests):
        renders.count("ann")


def test_servers_count_together(redis):
    """A rate in a shared storage holds for all servers together."""
    one, two = make_limiter(RateStorage(redis[0])), make_limiter(RateStorage(redis[0]))
    one.count("ann")
    two.count("ann")
    for limiter in (one, two):
        with pytest.raises(TooManyRequests):
            limiter.count("ann")


def test_without_the_shared_storage_each_counts_alone(redis, caplog):
    """A storage that stops is one line in the log, no failed request; the rate holds, and it is asked again later."""
    address, process = redis
    now = [0.0]
    storage = RateStorage(address, lambda: now[0])
    limiter = make_limiter(storage)
    limiter.count("ann")
    process.kill()
    process.wait()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            limiter.count("ann")
        with pytest.raises(TooManyRequests):
            limiter.count("ann")
        assert len(caplog.records) == 1
        now[0] = RETRY_SECONDS
        with pytest.raises(TooManyRequests):
            limiter.count("ann")
    assert len(caplog.records) == 2
    assert "FigServe.rate_storage" in caplog.text


@pytest.mark.parametrize("uri", ["nonsense", "ftp://127.0.0.1", "async+redis://127.0.0.1"])
def test_a_wrong_address_is_refused(uri):
    """With the name of the setting."""
    with pytest.raises(FigServeError, match=r"FigServe\.rate_storage"):
        RateStorage(uri)


def test_missing_client_library_is_named(monkeypatch):
    """The error says what to install."""

    def refuse(*_, **__):
        raise limits.errors.ConfigurationError("'redis' prerequisite not available.")

    monkeypatch.setattr(limits.storage, "storage_from_string", refuse)
    with pytest.raises(FigServeError, match=r"jupyter_figserve\[redis\]"):
        RateStorage("redis://127.0.0.1")
