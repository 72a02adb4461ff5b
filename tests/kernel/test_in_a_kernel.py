"""Publishing in a real kernel of a real server, with the inline backend."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.kernel

PLOT = "import matplotlib.pyplot as plt, jupyter_figserve as figserve\nfig, ax = plt.subplots()\nax.plot([1, 3, 2])\n"


@pytest.fixture(scope="module")
def kernel(live_server):
    """One kernel for all tests of the module."""
    with live_server.kernel("look.ipynb") as session:
        yield session


def count_images(execution):
    """Return the number of images that a cell displays; a mimebundle with HTML counts once."""
    return sum(
        "<img " in bundle["text/html"] if "text/html" in bundle else "image/png" in bundle
        for bundle in execution.bundles
    )


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("figserve.publish()", 1),
        ("figserve.publish(ax, 'a')", 1),
        ("pub = figserve.publish(fig, 'a')", 1),
        pytest.param("pub = figserve.publish(fig, 'a')\nplt.show()", 1, marks=pytest.mark.compat),
        ("pub = figserve.publish(fig, 'a')\nplt.close(fig)\npub", 1),
        ("for title in 'ab':\n    plt.close('all')\n    plt.plot([1])\n    display(figserve.publish(title=title))", 2),
        pytest.param("plt.figure()\nplt.plot([1])\nfigserve.publish(fig, 'a')", 2, marks=pytest.mark.compat),
        ("%config InlineBackend.close_figures = True\nplt.show()\nfigserve.publish(fig, 'a')", 2),
    ],
)
def test_image_is_displayed_once(kernel, code, count):
    """Each figure is displayed once, by its link or by the inline backend."""
    execution = kernel.run(PLOT + code)
    assert execution.error is None
    assert count_images(execution) == count


@pytest.mark.parametrize(
    ("line", "code", "count", "links"),
    [
        pytest.param("shown", "plt.show()", 1, 1, marks=pytest.mark.compat),
        ("shown --quiet", "plt.show()", 1, 0),
        ("shown", "plt.show()\nplt.figure()\nplt.plot([9])\nplt.show()", 2, 1),
        ("shown", "plt.show()\n1 / 0", 1, 0),
        pytest.param("shown", "handle = display(fig, display_id='mine')", 2, 1, marks=pytest.mark.compat),
    ],
)
def test_magic_displays_what_the_cell_has_shown_once(kernel, line, code, count, links):
    """With its link, if it has one; other figures, those of a failed cell, and those that can be updated as usual."""
    kernel.run("%load_ext jupyter_figserve")
    execution = kernel.run(f"%%publish {line}\n{PLOT}{code}")
    assert count_images(execution) == count
    assert str(execution.outputs).count("Copy page address") == links


@pytest.mark.compat
def test_quiet_magic_shows_only_the_image(kernel):
    """A figure without a link is displayed once."""
    kernel.run("%load_ext jupyter_figserve")
    execution = kernel.run(f"%%publish a --quiet\n{PLOT}")
    assert (execution.error, count_images(execution)) == (None, 1)
    assert "http://" not in str(execution.outputs)


def test_the_outputs_hold_no_secret(kernel):
    """The key is in no output, and the link is a path that works on any host of the notebook."""
    key = kernel.run("import os; print(os.environ['KERNEL_FIGSERVE_KEY'])").stdout.strip()
    execution = kernel.run(f"{PLOT}figserve.publish(fig, 'a')")
    assert key.startswith("fsk_")
    assert key not in str(execution.outputs)
    assert 'href="/' in execution.bundles[0]["text/html"]


@pytest.mark.compat
def test_the_kernel_waits_for_its_sources_at_the_end(live_server):
    """A notebook whose last cell publishes leaves a redrawable figure."""
    with live_server.kernel("last.ipynb") as session:
        assert session.run(f"{PLOT}figserve.publish(fig, 'last')").error is None
    (record,) = live_server.fetch("figserve/api/figures?name=last").json()["figures"]
    assert live_server.fetch(f"figserve/api/figures/{record['id']}").json()["redrawable"]
