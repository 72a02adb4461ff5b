"""Figures by name, all of a place, and all links, in the notebook."""

from __future__ import annotations

import pytest

import jupyter_figserve as figserve
from jupyter_figserve import errors

from ..conftest import PNG, Received, Reply


def test_figure_by_name(connected, encoder):
    """Of this notebook, like the one that publishing returned."""
    published = figserve.publish(PNG, "sales")
    assert figserve.get("sales").id == published.id
    assert connected.received[-1].query["here"] == "1"


def test_figure_by_its_title(connected, encoder):
    """Where there is none of that name, that which publishing makes of it."""
    published = figserve.publish(PNG, "Animal-sightings-by-day")
    assert figserve.get("Animal sightings by day").id == published.id


def test_place_of_the_figure(connected):
    """A notebook or a collection, not both."""
    with pytest.raises(errors.NotFound):
        figserve.get("sales", collection="nightly")
    assert next(one for one in connected.received if one.path.endswith("api/figures")).query["collection"] == "nightly"
    with pytest.raises(errors.InvalidInput, match="not both"):
        figserve.get("sales", collection="nightly", notebook="a.ipynb")
    with pytest.raises(errors.InvalidName):
        figserve.get("a/b")


@pytest.mark.parametrize(
    ("here", "elsewhere", "message"),
    [
        ([], [], r"There is no figure 'sales' here\. figserve\.figures\(\) lists"),
        (["sale", "other"], [], r"Did you mean 'sale'\?"),
        (["other"], [{"notebook": "b.ipynb"}], r"figserve\.get\('sales', notebook='b\.ipynb'\)"),
        ([], [{"notebook": None, "collection": "nightly"}], r"figserve\.get\('sales', collection='nightly'\)"),
    ],
)
def test_missing_figure_is_explained(connected, here, elsewhere, message):
    """By similar names, else by the place of one with this name."""

    def reply(request: Received) -> Reply | None:
        if not request.path.endswith("api/figures"):
            return None
        rows = [{"name": name} for name in here] if "here" in request.query else elsewhere
        return Reply.of(200, {"figures": [] if {"here", "name"} <= request.query.keys() else rows, "next": None})

    connected.instead = reply
    with pytest.raises(errors.NotFound, match=message):
        figserve.get("sales")


def test_all_figures_of_the_notebook_are_listed(connected, encoder):
    """All pages are fetched."""
    for name in "abcde":
        figserve.publish(PNG, name)
    assert [pub.name for pub in figserve.figures()] == list("abcde")
    assert [r.query for r in connected.received[-3:]] == [
        {"here": "1"},
        {"here": "1", "cursor": "2"},
        {"here": "1", "cursor": "4"},
    ]


@pytest.mark.parametrize(("notebook", "query"), [(None, {"here": "1"}), ("x/a b.ipynb", {"notebook": "x/a b.ipynb"})])
def test_unpublish_deletes_a_notebooks_figures(connected, encoder, notebook, query):
    """Figures of this or another notebook are deleted, and their number is returned."""
    figserve.publish(PNG, "a")
    assert figserve.unpublish(notebook) == 1
    assert connected.received[-1].query == query


def test_open_links(connected):
    """Of everything that the owner shares, from all pages; expired ones are left out."""
    rows = [
        {"id": f"lnk{n}", "title": f"Figure {n}", "label": "", "paused": False, "expires": expires}
        for n, expires in enumerate([None, "2999-01-01T00:00:00Z", "2020-01-01T00:00:00Z"])
    ]

    def reply(request: Received) -> Reply | None:
        if not request.path.endswith("api/links"):
            return None
        start = int(request.query.get("cursor") or 0)
        return Reply.of(200, {"links": rows[start : start + 1], "next": str(start + 1) if start < 2 else None})

    connected.instead = reply
    found = figserve.links()
    assert [link.id for link in found] == ["lnk0", "lnk1"]
    assert "Figure 1" in repr(found[1])


def test_deletion_is_undone(connected, encoder):
    """By the figure itself."""
    published = figserve.publish(PNG, "sales")
    connected.instead = lambda request: (
        Reply.of(200, connected.figures[published.id]) if "restore" in request.path else None
    )
    published.restore()
    request = connected.received[-1]
    assert request.method == "POST"
    assert request.path.endswith(f"/api/figures/{published.id}/restore")
