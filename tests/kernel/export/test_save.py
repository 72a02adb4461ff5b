"""Exported dashboards: content, limits, and atomic writes."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest

from jupyter_figserve.errors import InvalidInput, TooLarge
from jupyter_figserve.kernel.dashboard import Dashboard
from jupyter_figserve.kernel.dashboards import panel_images
from jupyter_figserve.kernel.export import save
from tests.conftest import require_package

from . import example_dashboard as example


def states_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="states">(.*?)</script>', page)[1])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The example as an HTML page."""
    return example.dashboard().save(tmp_path_factory.mktemp("saved") / "dashboard.html").read_text()


def test_every_state_is_exported(saved):
    """Each panel has the states of its own controls; a failed state has a message."""
    states = states_of(saved)
    assert states["axes"].keys() == {"since", "1-1.type", "1-1.log"}
    assert len(states["panels"]["1-1"]["images"]) == 5 * 3 * 2
    assert len(states["panels"]["1-2"]["images"]) == 5
    messages = [image for image in states["panels"]["1-1"]["images"] if isinstance(image, str)]
    assert len(messages) == 5
    assert messages[0].startswith("ValueError: no wolves")


def test_equal_images_are_stored_once(saved):
    """Identical images are stored once: the logarithm does not change them."""
    states = states_of(saved)
    numbers = [image for image in states["panels"]["1-1"]["images"] if not isinstance(image, str)]
    assert len(set(numbers)) == 15
    assert len(states["images"]) == 15 + 5 + 1
    assert saved.count("data:image/svg+xml") == 21


def test_markup_is_text(saved):
    """The only scripts are our own and inert data; fixed parameters are noted."""
    assert saved.count("<script") == 2
    assert "<img src=x" not in saved
    assert "Note stays at free here." in saved
    assert re.search(r"default-src &#39;none&#39;; .*script-src &#39;sha256-[\w+/=]+&#39;; base-uri", saved)
    assert "unsafe" not in saved.partition("<title>")[0]


def test_export_is_reproducible(tmp_path):
    """The file contains no timestamps or process ids."""
    for suffix in ("html", "zip", "pdf"):
        one, two = (example.dashboard().save(tmp_path / f"{n}.{suffix}", max_states=2).read_bytes() for n in "ab")
        assert one == two, suffix


def test_zip_export(tmp_path):
    """The zip has a page and image files with relative URLs."""
    path = example.dashboard().save(tmp_path / "dashboard.zip", max_states=3)
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
        page = file.read("index.html").decode()
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names[0] == "index.html"
    sources = {one["source"] for one in states_of(page)["images"] if one} | set(
        re.findall(r'src="(pictures/.*?)"', page)
    )
    assert sources == set(names[1:])


def test_pdf_export(tmp_path):
    """The PDF has a page per row, with text and default values."""
    pypdf = require_package("pypdf")
    document = pypdf.PdfReader(io.BytesIO(example.dashboard().save(tmp_path / "dashboard.pdf").read_bytes()))
    assert len(document.pages) == 2
    first, second = (page.extract_text() for page in document.pages)
    assert "Sightings <script>" in first
    assert "Caption <script>" in first
    assert "Type: Deer, Since: 3" in " ".join(first.split())
    assert "• first" in second
    assert "for $5." in second
    assert max(image.image.size for image in document.pages[0].images) == (1000, 600)


def test_interactive_figure_is_in_a_frame(tmp_path):
    """The HTML figure is an attribute's text, and its scripts are allowed by digest."""
    plotly = require_package("plotly.graph_objects")
    page = Dashboard("Interactive", [plotly.Figure()]).save(tmp_path / "dashboard.html").read_text()
    assert page.count("<iframe") == 1
    assert 'sandbox="allow-scripts"' in page
    assert page.count("<script") == 2


def test_page_notes_omitted_states(tmp_path):
    """The page notes which values it includes."""
    page = example.dashboard().save(tmp_path / "dashboard.html", max_states=4).read_text()
    states = states_of(page)
    assert len(states["panels"]["1-1"]["images"]) <= 4
    assert "stays at" in page
    assert "of the 5 values of Since" in page


@pytest.mark.parametrize("name", ["dashboard.svg", "dashboard", "dashboard.html.gz"])
def test_unknown_suffix(tmp_path, name):
    """The message names the three suffixes."""
    with pytest.raises(InvalidInput, match=r"\.html, \.zip or \.pdf"):
        example.dashboard().save(tmp_path / name)


@pytest.mark.parametrize("options", [{"format": "gif"}, {"max_states": 0}, {"max_bytes": 0}])
def test_invalid_options(tmp_path, options):
    """Invalid options are rejected before rendering."""
    with pytest.raises(InvalidInput):
        example.dashboard().save(tmp_path / "dashboard.html", **options)


def test_missing_directory(tmp_path):
    """A missing directory is reported before rendering."""
    with pytest.raises(InvalidInput, match="does not exist"):
        example.dashboard().save(tmp_path / "none" / "dashboard.html")


def test_old_file_stays_if_the_export_is_too_large(tmp_path):
    """The message says what to do; the old file stays, and no temporary file is left."""
    path = tmp_path / "dashboard.html"
    path.write_text("old")
    with pytest.raises(TooLarge, match="max_states"):
        example.dashboard().save(path, max_bytes=20_000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("where", ["rendering", "writing"])
def test_old_file_stays_after_an_interrupt(tmp_path, monkeypatch, where):
    """An interrupt at any time leaves the old file."""
    path = tmp_path / "dashboard.html"
    path.write_text("old")

    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    if where == "rendering":
        monkeypatch.setattr(save, "render_figure_panel", interrupt)
    else:
        monkeypatch.setattr(save.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        example.dashboard().save(path, max_states=1)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_failing_figure_has_a_message(tmp_path):
    """A panel that fails has a message; the others are rendered."""
    page = Dashboard("Mixed", [[example.make_figure(), object()]]).save(tmp_path / "dashboard.html").read_text()
    assert page.count("<img") == 1
    assert re.search(r'<p class="error">[^<]*object[^<]*</p>', page)


def test_large_svg_is_replaced_by_png(tmp_path, monkeypatch):
    """A large SVG is replaced by a 2x PNG, unless a format is given."""
    monkeypatch.setattr(panel_images, "MAX_SVG_BYTES", 100)
    page = Dashboard("One", [example.herd]).save(tmp_path / "dashboard.html", max_states=1).read_text()
    assert re.search(r'src="data:image/png;base64,[^"]*" alt="herd" width="480" height="288"', page)
    page = Dashboard("One", [example.herd]).save(tmp_path / "dashboard.html", max_states=1, format="svg").read_text()
    assert "data:image/svg+xml" in page


def test_progress_on_a_terminal(tmp_path, capsys, monkeypatch):
    """The summary comes first, then progress, then the result; nothing without a terminal."""
    example.dashboard().save(tmp_path / "dashboard.html", max_states=6)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    example.dashboard().save(tmp_path / "dashboard.html", max_states=6)
    output = capsys.readouterr().err
    assert re.match(
        r"dashboard\.html: \d+ images to render \(panel 1-1 \d of 30 states, panel 1-2 5\), limit 50 MB\.", output
    )
    assert re.search(r"\[#+\.*\] 3 of \d+ images, about [\d.]+ MB in total, \d+ s left", output)
    assert output.rstrip().endswith("MB.")
    example.dashboard().save(tmp_path / "dashboard.html", max_states=1, progress=False)
    assert capsys.readouterr() == ("", "")
