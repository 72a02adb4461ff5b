"""The place that a request names: a collection, or a notebook by its path."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import InvalidInput, InvalidName
from jupyter_figserve.model.places import Place, check_collection, check_notebook, read_place, strip_drive


@pytest.mark.parametrize("path", ["dir/nb.ipynb", "/dir/nb.ipynb/", "RTC:dir/nb.ipynb", "rtc:/dir/nb.ipynb"])
def test_one_notebook_has_one_path(path):
    """With and without the drive of jupyter_collaboration, and with slashes around it."""
    assert check_notebook(path) == "dir/nb.ipynb"
    assert read_place({"notebook": path}).notebook == "dir/nb.ipynb"


@pytest.mark.parametrize("path", ["RTC:", "RTC:../x.ipynb", "", "a//b", "./x"])
def test_paths_outside_of_the_root(path):
    """Also behind the drive."""
    with pytest.raises(InvalidInput):
        check_notebook(path)


def test_other_colons_are_part_of_a_name():
    """Files may have them."""
    assert strip_drive("a: b.ipynb") == "a: b.ipynb"
    assert strip_drive("x/RTC:nb.ipynb") == "x/RTC:nb.ipynb"


def test_a_figure_is_in_one_place():
    """A collection, a notebook or neither; not both."""
    assert read_place({"collection": "nightly"}) == Place(collection="nightly")
    assert read_place({}) == Place()
    with pytest.raises(InvalidInput, match="not both"):
        read_place({"collection": "nightly", "notebook": "nb.ipynb"})


def test_a_refused_collection_is_called_so():
    """Its rules are those of a figure's name."""
    with pytest.raises(InvalidName, match="a collection's name"):
        check_collection("a/b")
