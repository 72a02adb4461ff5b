"""Images of a matplotlib figure in each format."""

from __future__ import annotations

import matplotlib as mpl
import pytest

from jupyter_figserve.errors import UnsupportedType
from jupyter_figserve.model.formats import FORMATS
from jupyter_figserve.plotting import figure_images
from jupyter_figserve.plotting.figure_images import save_as

from ..example_figures import line, many_things


def test_no_file_has_a_date():
    """The dates that savefig writes are stripped."""
    for name in ("svg", "pdf", "eps"):
        data = save_as(line(), FORMATS[name], {}).data
        assert b"CreationDate" not in data
        assert b"dc:date" not in data


def test_html_of_a_figure_is_refused():
    """With what to use instead, before anything is drawn."""
    with pytest.raises(UnsupportedType, match=r"not available as html\. Use an image format such as png"):
        save_as(line(), FORMATS["html"], {})


def test_a_hash_salt_of_the_user_is_kept():
    """A user's svg.hashsalt determines the ids."""
    figure = many_things()
    default = save_as(figure, FORMATS["svg"], {}).data
    with mpl.rc_context({"svg.hashsalt": "mine"}):
        assert save_as(figure, FORMATS["svg"], {}).data != default
        assert mpl.rcParams["svg.hashsalt"] == "mine"


def test_the_hash_salt_is_fixed():
    """The salt is a constant of this package, so that digests agree between machines."""
    assert figure_images._HASH_SALT == "jupyter_figserve"
