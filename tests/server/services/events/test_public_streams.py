"""The number of event streams of visitors is limited."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.server.services.callers import OWNER, stranger
from jupyter_figserve.server.services.events.public_streams import PublicStreams


def test_strangers_share_a_limit_that_owners_do_not_have():
    """A closed stream makes room for another one."""
    streams = PublicStreams(1)
    with streams.opened(stranger("one")):
        with pytest.raises(Unavailable), streams.opened(stranger("two")):
            pass
        with streams.opened(OWNER):
            assert streams.count == 1
    with streams.opened(stranger("two")):
        assert streams.count == 1
