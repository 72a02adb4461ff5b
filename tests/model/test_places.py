"""The place that a request names: a collection, or a notebook by its path."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.places import check_notebook, read_place, strip_drive


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
