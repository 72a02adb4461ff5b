"""A link to a target that was deleted in the meantime is rejected."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Conflict
from jupyter_figserve.model.links import DASHBOARD, FIGURE, LIVE, Target
from jupyter_figserve.store.catalog import links

from ..making import link_to, publish, run, share


@pytest.mark.parametrize(
    ("kind", "noun"), [(FIGURE, "figure, or that version"), (LIVE, "live figure"), (DASHBOARD, "dashboard")]
)
def test_target_must_exist(store, kind: str, noun: str):
    """A race between sharing and deletion leaves no link behind."""
    target = Target(kind, "nothing")
    with pytest.raises(Conflict, match=f"The {noun}.* has just been deleted"):
        run(store.links.add(link_to(target)))
    assert links.list_for_target(store.catalog.reader, target) == []


def test_version_must_exist(store):
    """The figure alone is not enough."""
    figure = publish(store).id
    with pytest.raises(Conflict, match="version"):
        share(store, figure, version=2)
    assert share(store, figure, version=1).version == 1
