"""The queue of one event stream: bounded, and awake when there is something to send."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.model.events import Event
from jupyter_figserve.server.services.events.subscriber import MAX_PENDING, Subscriber

from ...conftest import DEADLINE


def event(number: int = 1) -> Event:
    return Event(number, 0.0, "local", "figure.published", {})


def test_events_are_popped_once_and_in_order():
    """Popped events are no longer pending."""
    subscriber = Subscriber()
    for number in (1, 2):
        subscriber.offer(event(number))
    assert [one.id for one in subscriber.pop_all()] == [1, 2]
    assert subscriber.pop_all() == []


def test_L2_L3_a_subscriber_that_falls_behind_is_closed():
    """Its client comes back with its last id, and memory is bounded."""
    subscriber = Subscriber()
    for number in range(MAX_PENDING + 1):
        subscriber.offer(event(number))
    assert subscriber.is_closed
    assert len(subscriber.pop_all()) == MAX_PENDING


@pytest.mark.parametrize("wake", [lambda subscriber: subscriber.offer(event()), lambda subscriber: subscriber.close()])
@pytest.mark.parametrize("is_early", [True, False])
async def test_an_event_or_the_end_wakes_the_writer(wake, is_early):
    """Also when it came before the writer began to wait."""
    subscriber = Subscriber()
    if is_early:
        wake(subscriber)
    else:
        asyncio.get_running_loop().call_soon(wake, subscriber)
    async with asyncio.timeout(DEADLINE):
        await subscriber.wait(10 * DEADLINE)


async def test_the_wait_is_bounded():
    """The writer sends its heartbeat in time, and no timer is left."""
    subscriber = Subscriber()
    async with asyncio.timeout(DEADLINE):
        await subscriber.wait(0.01)
    assert subscriber._waiter is None
