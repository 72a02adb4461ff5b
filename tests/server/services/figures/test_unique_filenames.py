"""File names that are safe and distinct on every file system."""

from __future__ import annotations

from pathlib import PureWindowsPath

import pytest
from hypothesis import given, strategies

from jupyter_figserve.server.services.figures.unique_filenames import UniqueFilenames, safe_name

EVIL = "../../etc/passwd /abs C:\\x ..\\y a/b NUL con.txt COM1 . .. ~ -rf \x00 \n \u202egnp.exe aux a" + " " * 3


@pytest.mark.parametrize(
    "text", [*EVIL.split(" "), "", " ", "x" * 300, "漢" * 100, "a\u0301", "x.", "COM¹.png", "lpt9"]
)
@pytest.mark.parametrize("ending", ["", "-12"])
def test_a_name_is_one_harmless_segment(text, ending):
    """It has no separators, is a valid file name on Windows, and has a bounded length."""
    name = safe_name(text, ending)
    assert name.endswith(ending)
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\:*?"<>|\0\n\u202e')
    assert len((name + ".html").encode()) <= 255
    assert name == name.strip(" ").rstrip(".")
    assert not PureWindowsPath(name + ".png").is_reserved()
    assert len(PureWindowsPath(name).parts) == 1


@given(strategies.lists(strategies.text(max_size=120), max_size=30))
def test_names_never_meet(wanted):
    """Names are distinct on file systems that ignore case and Unicode composition, too."""
    names = UniqueFilenames()
    taken = [names.add(text) for text in wanted]
    assert len({name.casefold() for name in taken}) == len(wanted)


def test_names_are_kept_where_they_can_be():
    """Only names that are already used get a number; case, composition and ligatures are ignored."""
    names = UniqueFilenames()
    wanted = ["sales", "Sales", "sales", "caf\u00e9", "cafe\u0301", "\ufb01g", "fig"]
    assert [names.add(text) for text in wanted] == [
        *("sales", "Sales-2", "sales-3", "caf\u00e9", "caf\u00e9-2", "\ufb01g", "fig-2"),
    ]
