"""Memory of slow readers: limited in total, and shared fairly."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.server.services.traffic.send_budget import Hold, Reader, SendBudget

from ...conftest import Clock

OWNER = Reader("ada", is_visitor=False)
A, B = Reader("10.0.0.1"), Reader("10.0.0.2")


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def budget(clock) -> SendBudget:
    return SendBudget(100, clock)


@pytest.fixture
def dropped() -> list[str]:
    return []


@pytest.fixture
def hold(budget, dropped):
    """Adds a response of a body of its own, which notes its name when it is dropped."""

    def add(reader: Reader, size: int, name: str = "", body: object = None) -> Hold:
        return budget.hold(reader, body or object(), size, lambda: dropped.append(name))

    return add


def test_released_memory_is_free(budget, hold):
    """A second release frees nothing more."""
    first, _ = hold(A, 40), hold(A, 40)
    budget.release(first)
    budget.release(first)
    assert budget.held_bytes == 40


def test_a_shared_body_counts_once(budget, hold):
    """As long as one client reads it."""
    body = b"x" * 60
    holds = [hold(A, 60, body=body) for _ in range(5)]
    for held in holds[1:]:
        budget.release(held)
    assert budget.held_bytes == 60
    budget.release(holds[0])
    assert budget.held_bytes == 0


def test_kind_C2_the_heaviest_client_loses_its_stalled_response(budget, clock, hold, dropped):
    """The one that it has not read from for the longest time; the total never exceeds the limit."""
    one, _ = hold(A, 40, "one"), hold(A, 40, "two")
    clock.now = 5
    budget.progress(one)
    hold(B, 30, "three")
    assert (dropped, budget.held_bytes) == (["two"], 70)


def test_a_client_displaces_its_own_stalled_response(clock, hold, dropped):
    """Behind a proxy all strangers are one client: one of them cannot lock the others out."""
    hold(A, 80, "one")
    clock.now = 2
    hold(A, 80, "two")
    assert dropped == ["one"]


def test_a_client_that_reads_is_not_interrupted(clock, hold, dropped):
    """A further response to the same client waits instead."""
    hold(A, 80)
    with pytest.raises(Unavailable) as caught:
        hold(A, 80)
    assert (caught.value.code, dropped) == ("too_many_readers", [])


def test_the_lighter_client_is_not_displaced(hold, dropped):
    """A response that would make its client the heaviest is refused."""
    hold(A, 60)
    with pytest.raises(Unavailable):
        hold(B, 70)
    assert dropped == []


def test_strangers_give_way_to_the_owner(hold, dropped):
    """However little they hold."""
    hold(A, 10, "stranger")
    hold(OWNER, 50, "owner")
    hold(OWNER, 50, "owner")
    assert dropped == ["stranger"]


def test_the_owner_does_not_give_way_to_strangers(clock, hold, dropped):
    """However much and slowly the owner reads."""
    hold(OWNER, 90, "owner")
    clock.now = 60
    with pytest.raises(Unavailable):
        hold(A, 20)
    assert dropped == []


def test_a_body_above_the_limit_is_sent_alone(clock, budget, hold, dropped):
    """It displaces strangers' stalled responses, and is never refused when nothing else is held."""
    hold(A, 10, "one")
    clock.now = 2
    hold(A, 500, "two")
    assert (dropped, budget.held_bytes) == (["one"], 500)
