"""Which server each kernel is connected to."""

from __future__ import annotations

from dataclasses import replace

from jupyter_figserve.model.kernel_lines import KernelLine
from jupyter_figserve.model.live import LiveDeclaration

from ..making import START, run

ONE, TWO = "http://10.0.0.1:8890/figserve", "http://10.0.0.2:8890/figserve"
OFFERS = (("live1", LiveDeclaration("animal", digest="d", revision="r")),)
LINE = KernelLine("k", "ann", ONE, START, OFFERS, sources=("d1", "d2"), unsupported=("avif",))


def test_line_comes_back_with_what_the_kernel_offers_and_draws(store):
    """Its revision changes with each writing; the short form has neither."""
    assert run(store.kernel_lines.put(LINE, START))
    (found,) = run(store.kernel_lines.find_many(["k", "other"]))
    assert replace(found, revision="") == LINE
    assert run(store.kernel_lines.list_heads()) == {"k": replace(found, offers=(), sources=(), unsupported=())}
    assert run(store.kernel_lines.put(LINE, START))
    assert run(store.kernel_lines.list_heads())["k"].revision != found.revision


def test_the_newest_line_of_a_kernel_stays(store):
    """A server that is late does not take the kernel back."""
    assert run(store.kernel_lines.put(replace(LINE, server=TWO, opened=START + 1), START))
    assert not run(store.kernel_lines.put(LINE, START))
    run(store.kernel_lines.remove("k", ONE))
    assert run(store.kernel_lines.list_heads())["k"].server == TWO
    run(store.kernel_lines.remove("k"))
    assert run(store.kernel_lines.list_heads()) == {}


def test_lines_of_a_silent_server_are_removed(store):
    """By any other one that renews its own; a server that stops removes its own at once."""
    run(store.kernel_lines.put(LINE, START))
    run(store.kernel_lines.put(replace(LINE, kernel="k2", server=TWO), START))
    run(store.kernel_lines.renew(TWO, START + 30, lease=35))
    assert set(run(store.kernel_lines.list_heads())) == {"k", "k2"}
    run(store.kernel_lines.renew(TWO, START + 36, lease=35))
    assert set(run(store.kernel_lines.list_heads())) == {"k2"}
    run(store.kernel_lines.remove_all(TWO))
    assert run(store.kernel_lines.list_heads()) == {}
