"""Events as rows that streams replay."""

from __future__ import annotations

from jupyter_figserve.model.events import Event
from jupyter_figserve.store.catalog import events

from ..making import START


def _add(store, count: int = 1, **data) -> None:
    for n in range(count):
        store.catalog.write(lambda c, n=n: events.add(c, START, "ann", "figure.published", {"n": n, **data})).result()


def test_events_come_back_in_order(store):
    """After the last that a stream has seen, with data of any script."""
    _add(store, 3, name="売上 </script>")
    reader = store.catalog.reader
    first, *rest = events.after(reader, 0)
    assert first == Event(1, START, "ann", "figure.published", {"n": 0, "name": "売上 </script>"})
    assert [event.data["n"] for event in rest] == [1, 2]
    assert events.after(reader, first.id) == rest
    assert events.after(reader, 0, limit=1) == [first]
    assert events.after(reader, 99) == []
    assert events.newest_id(reader) == 3


def test_nothing_has_happened(store):
    """An empty catalog has no newest event."""
    assert events.newest_id(store.catalog.reader) == 0


def test_only_the_newest_stay(store):
    """What goes is counted; numbers are never given twice, so that a stream misses nothing."""
    _add(store, 5)
    assert store.catalog.write(lambda c: events.trim(c, 2)).result() == 3
    assert [event.id for event in events.after(store.catalog.reader, 0)] == [4, 5]
    store.catalog.write(lambda c: events.trim(c, 0)).result()
    _add(store)
    assert events.newest_id(store.catalog.reader) == 6
