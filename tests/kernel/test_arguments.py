"""Arguments of wrong types: one sentence that names the argument, from every function that takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jupyter_figserve.errors import FigServeError, InvalidInput
from jupyter_figserve.kernel.arguments import check_path, check_switch, check_values, list_names
from jupyter_figserve.kernel.client.discovery import connect
from jupyter_figserve.kernel.dashboard import Dashboard
from jupyter_figserve.kernel.figures.audience_options import audience_options
from jupyter_figserve.kernel.figures.publish import publish
from jupyter_figserve.kernel.live.decorator import live
from jupyter_figserve.model.formats import get_format, get_live_format
from jupyter_figserve.model.progress import progress
from jupyter_figserve.model.snippets import write_size


def len_of_nothing() -> int:
    return 0


WRONG: tuple[Any, ...] = (
    3,
    2.5,
    10**400,
    True,
    b"x",
    [1],
    {1: 2},
    {3},
    object(),
    int,
    len,
    np.arange(3),
    Path,
    ...,
    1j,
)


def test_lists_of_names():
    """Any iterable of strings is a list; None is an empty one."""
    assert list_names(None, "users") == []
    assert list_names(("ada", "bob"), "users") == ["ada", "bob"]
    assert list_names(np.array(["ada"]), "users") == ["ada"]
    assert list_names((name for name in ("ada",)), "users") == ["ada"]
    with pytest.raises(InvalidInput, match=r"users must be a list of names, such as \['ada'\]"):
        list_names("ada", "users")


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_wrong_lists_of_names(value):
    """The argument and the type are named."""
    with pytest.raises(InvalidInput, match=r"users must be a list of names, (not|but contains) a value of type"):
        list_names(value, "users")


@pytest.mark.parametrize("value", [*WRONG, "since", [("since", 1)]], ids=lambda value: type(value).__name__)
def test_wrong_values_of_parameters(value):
    """Only a mapping with names has values of parameters."""
    assert check_values(None, "lock") == {}
    assert check_values({"since": 1}, "lock") == {"since": 1}
    with pytest.raises(InvalidInput, match="lock must be a dict"):
        check_values(value, "lock")


@pytest.mark.parametrize("value", [*WRONG, None, "a\0.html"], ids=lambda value: type(value).__name__)
def test_wrong_paths(value):
    """A file has a path of text."""
    assert check_path("~/a.html") == Path.home() / "a.html"
    assert check_path(Path("a.html")) == Path("a.html")
    with pytest.raises(InvalidInput, match="The path must be text"):
        check_path(value)


def test_home_of_an_unknown_user():
    """As in a file for ``save``."""
    with pytest.raises(InvalidInput, match="no home directory '~no-such-user'"):
        check_path("~no-such-user/a.html")


def test_switches():
    """True and False, also of NumPy or as numbers; a text that reads like one would be true whatever it says."""
    assert [check_switch(value, "tight") for value in (True, 1, np.bool_(True))] == [True] * 3
    assert [check_switch(value, "tight") for value in (False, 0, np.False_, None)] == [False] * 4
    for value in ("no", "", 2, 0.0, np.array([True, False]), [], object()):
        with pytest.raises(InvalidInput, match="tight must be True or False, not a value of type"):
            check_switch(value, "tight")


@pytest.mark.parametrize(
    "call",
    [
        lambda value: Dashboard("x", ["y"]).save(value),
        lambda value: Dashboard("x", ["y"]).save("x.html", format=[value]),
        lambda value: Dashboard("x", ["y"], theme=value),
        lambda value: Dashboard("x", ["y"], controls=[value]),
        lambda value: audience_options(value, (), ()),
        lambda value: audience_options("people", [value], ()),
        lambda value: connect("http://127.0.0.1:1", [value]),  # type: ignore[arg-type]
        lambda value: connect("https://" + "x" * 64, "fsk_x"),
        lambda value: publish("x", format=[value]),
        lambda value: publish("x", tight=[value]),  # type: ignore[arg-type]
        lambda value: publish("x", keep_source=[value]),  # type: ignore[arg-type]
        lambda value: live(len_of_nothing, detach=[value]),  # type: ignore[arg-type]
        lambda value: get_format(value),
        lambda value: get_live_format(value),
        lambda value: progress(-1, value),
        lambda value: write_size("dpi", [value]),
    ],
)
@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_wrong_types_are_explained(call, value):
    """No exception of Python's own comes out of a function of the notebook API."""
    with pytest.raises(FigServeError):
        call(value)


@pytest.mark.parametrize(("name", "value"), [("width", 1.5), ("height", 0.5), ("width", 0), ("dpi", -1)])
def test_sizes_that_no_image_has(name, value):
    """They are refused where the URL is made, not when it is opened."""
    assert (write_size("width", np.int64(300)), write_size("height", 300.0)) == ("300", "300")
    assert write_size("dpi", 72.5) == "72.5"
    with pytest.raises(InvalidInput, match=f"Invalid {name} .*Use a "):
        write_size(name, value)


@pytest.mark.parametrize("name", ["", "x.gif", "x", "missing/x.html"])
def test_wrong_names_of_files(name, tmp_path):
    """The types of files are named, and a missing directory."""
    with pytest.raises(InvalidInput, match=r"ending in \.html, \.zip or \.pdf|does not exist"):
        Dashboard("x", ["y"]).save(str(tmp_path / name) if "/" in name else name)


def test_directory_is_no_file(tmp_path):
    """It cannot be replaced."""
    (tmp_path / "x.html").mkdir()
    with pytest.raises(InvalidInput, match="is a directory"):
        Dashboard("x", ["y"]).save(tmp_path / "x.html")


def test_limits_of_a_file_are_numbers():
    """Other values say which."""
    with pytest.raises(InvalidInput, match="max_states must be a number of at least 1"):
        Dashboard("x", ["y"]).save("x.html", max_states="many")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no option 'states'"):
        Dashboard("x", ["y"]).save("x.html", states=3)  # type: ignore[call-arg]
