"""The number of event streams of visitors is limited."""

from __future__ import annotations

import contextlib

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.server.services.callers import OWNER, visitor_caller
from jupyter_figserve.server.services.events.subscriber import Subscriber
from jupyter_figserve.server.services.traffic.public_streams import PublicStreams


def test_strangers_share_a_limit_that_owners_do_not_have():
    """A closed stream makes room for another one."""
    streams = PublicStreams(1)
    with streams.opened(visitor_caller("one"), "1.1.1.1", Subscriber()):
        with pytest.raises(Unavailable), streams.opened(visitor_caller("two"), "2.2.2.2", Subscriber()):
            pass
        with streams.opened(OWNER, "1.1.1.1", Subscriber()):
            assert streams.count == 1
    with streams.opened(visitor_caller("two"), "2.2.2.2", Subscriber()):
        assert streams.count == 1


def test_one_stranger_takes_no_place_from_others():
    """An address that holds all streams loses its newest one to another address, and gets none in return."""
    streams = PublicStreams(3)
    greedy = [Subscriber() for _ in range(3)]
    with contextlib.ExitStack() as stack:
        for subscriber in greedy:
            stack.enter_context(streams.opened(visitor_caller("link"), "1.1.1.1", subscriber))
        with pytest.raises(Unavailable), streams.opened(visitor_caller("link"), "1.1.1.1", Subscriber()):
            pass
        visitor = Subscriber()
        stack.enter_context(streams.opened(visitor_caller("link"), "2.2.2.2", visitor))
        assert [one.is_closed for one in (*greedy, visitor)] == [False, False, True, False]
        with pytest.raises(Unavailable), streams.opened(visitor_caller("link"), "1.1.1.1", Subscriber()):
            pass
        assert streams.count == 3
    assert streams.count == 0
