"""Live figures in the catalog: one identity over kernels, stored images and links."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.figures import Identity, sha256_hex
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.model.live_images import MAX_LIVE_IMAGES, LiveImage
from jupyter_figserve.model.parameter import Parameter
from jupyter_figserve.model.parameters import Parameters
from jupyter_figserve.store.catalog import live_figures
from tests.store.making import references, run

ANIMAL = Identity("ann", "/srv", "report.ipynb", "", "animal")
DECLARED = LiveDeclaration("animal", Parameters((Parameter("since", "int", default=2010),)), digest="d", revision="r")


def offered(store, session="k1", identity=ANIMAL, declaration=DECLARED):
    return store.catalog.write(lambda c: live_figures.upsert(c, identity, session, declaration, store.clock())).result()


def keep(store, record, key: str, data: bytes, *, rendered=1.0, is_frozen=False):
    picture = LiveImage(
        record.id, key, "image/png", sha256_hex(data), len(data), 3, 2, 100.0, "", rendered, is_frozen
    )  # fmt: skip
    store.blobs.put(picture.digest, data)
    store.catalog.write(lambda c: live_figures.keep_image(c, picture, store.clock())).result()


def test_one_identity_over_kernels(store):
    """The same id for the next kernel of the notebook, found by either; another notebook's is another."""
    first, second = offered(store, "k1"), offered(store, "k2")
    assert first.id == second.id
    reader = store.catalog.reader
    assert live_figures.find(reader, first.id).declaration == DECLARED
    assert (
        live_figures.find_in_session(reader, "k1", "animal").id
        == live_figures.find_in_session(reader, "k2", "animal").id
    )
    assert live_figures.find_in_session(reader, "k3", "animal") is None
    other = offered(store, "k4", Identity("ann", "/srv", "other.ipynb", "", "animal"))
    assert other.id != first.id


def test_renamed_notebook_keeps_its_live_figures(store):
    """Like figures; one whose new identity is taken keeps the old one."""
    record = offered(store)
    run(store.rename_notebook("ann", "/srv", "report.ipynb", "new.ipynb"))
    assert live_figures.find(store.catalog.reader, record.id).identity.notebook == "new.ipynb"
    again = offered(store)
    run(store.rename_notebook("ann", "/srv", "report.ipynb", "new.ipynb"))
    assert live_figures.find(store.catalog.reader, again.id).identity.notebook == "report.ipynb"


def test_newest_images_and_frozen_ones_are_kept(store):
    """The newest of each request and the newest few of all; each is a reference to its blob."""
    record = offered(store)
    keep(store, record, "frozen", b"frozen", rendered=0.0, is_frozen=True)
    for n in range(MAX_LIVE_IMAGES + 3):
        keep(store, record, f"k{n}", b"%d" % n, rendered=float(n))
    keep(store, record, "k9", b"changed", rendered=100.0)
    reader = store.catalog.reader
    assert live_figures.find_image(reader, record.id, "k0") is None
    assert live_figures.find_image(reader, record.id, "frozen").is_frozen
    assert live_figures.find_image(reader, record.id, "k9").digest == sha256_hex(b"changed")
    held = references(store)
    assert (held[sha256_hex(b"0")], held[sha256_hex(b"9")], held[sha256_hex(b"changed")]) == (0, 0, 1)
    keep(store, record, "frozen", b"newer", rendered=200.0)
    assert live_figures.find_image(reader, record.id, "frozen").is_frozen


def test_image_that_comes_late_does_not_replace_a_newer_one(store, clock):
    """Two servers write the last images of one kernel; to freeze it counts, and a clock that was ahead does no harm."""
    record, reader = offered(store), store.catalog.reader
    keep(store, record, "k", b"newer", rendered=clock() - 1)
    keep(store, record, "k", b"older", rendered=clock() - 2, is_frozen=True)
    kept = live_figures.find_image(reader, record.id, "k")
    assert (kept.digest, kept.is_frozen) == (sha256_hex(b"newer"), True)
    assert references(store) == {sha256_hex(b"newer"): 1}
    keep(store, record, "k", b"ahead", rendered=clock() + 100)
    keep(store, record, "k", b"newest", rendered=clock())
    assert live_figures.find_image(reader, record.id, "k").digest == sha256_hex(b"newest")


@pytest.mark.parametrize("change", [{"name": "a.b"}, {"timeout": 0}, {"cache": -1}, {"parameters": 3}, {"sizes": None}])
def test_wrong_declaration_is_rejected(change):
    """A kernel may send anything."""
    from jupyter_figserve.errors import InvalidInput

    with pytest.raises(InvalidInput):
        LiveDeclaration.from_json(DECLARED.as_json() | change)
