"""The streamed archive: entries, records and the page."""

from __future__ import annotations

import io
import json
import zipfile

from jupyter_figserve.model.figures import EncodedImage, FigureRecord, Identity, Version
from jupyter_figserve.model.html.policy import frame_in_file
from jupyter_figserve.server.services.figures.zip_archive import ZipExport
from jupyter_figserve.server.web.http.templates import make_templates

from ....memory_blobs import MemoryBlobStore
from ...sample_images import HTML, SVG, png

NOW = 1_800_000_000.0


def record(
    name: str = "sales", notebook: str = "", *images: EncodedImage, title: str = "", alt: str = ""
) -> FigureRecord:
    parts = tuple(image.to_representation() for image in images)
    version = Version(1, NOW, None, title, alt, parts)
    return FigureRecord("A" * 16, Identity("local", "/root", notebook, "", name), "published", NOW, NOW, version)


def describe(record: FigureRecord) -> dict:
    words = {"name": record.name, "title": record.version.title, "alt": record.version.alt, "version": 1}
    return words | {"notebook": record.identity.notebook or None, "updated": "2027-01-15T08:00:00.000Z"}


class Made:
    """An archive in progress, with blobs in memory."""

    def __init__(self) -> None:
        self.blobs = MemoryBlobStore()
        self.archive = ZipExport(
            self.blobs, describe, make_templates().get_template("export/figures.html").generate, "Figures"
        )
        self.pieces: list[bytes] = []

    def add(self, name: str, notebook: str, *images: EncodedImage, keep: bool = True, **fields: str) -> None:
        for image in images if keep else ():
            self.blobs.put(image.to_representation().digest, image.data)
        self.pieces.append(self.archive.add(record(name, notebook, *images, **fields)))

    def open(self) -> zipfile.ZipFile:
        self.pieces += list(self.archive.end(NOW))
        return zipfile.ZipFile(io.BytesIO(b"".join(self.pieces)))


PNG = EncodedImage("image/png", png())


def test_images_are_returned_unchanged():
    """Each format of each figure is below its notebook; compressed formats are not compressed again.

    Only HTML is put into a frame with its policy, which the server sends as a header.
    """
    made = Made()
    made.add("sales", "work/a.ipynb", PNG, EncodedImage("image/svg+xml", SVG))
    made.add("sales", "", EncodedImage("text/html", HTML))
    with made.open() as file:
        assert file.testzip() is None
        assert file.read("pictures/work - a/sales.png") == png()
        assert file.read("pictures/work - a/sales.svg") == SVG
        assert file.read("pictures/without a notebook/sales.html") == frame_in_file(HTML) != HTML
        assert file.getinfo("pictures/work - a/sales.png").compress_type == zipfile.ZIP_STORED
        figures = json.loads(file.read("figures.json"))
    assert figures["exported"] == "2027-01-15T08:00:00Z"
    assert [row["files"] for row in figures["figures"]] == [
        {"png": "pictures/work - a/sales.png", "svg": "pictures/work - a/sales.svg"},
        {"html": "pictures/without a notebook/sales.html"},
    ]


def test_zip_slips_nowhere(tmp_path):
    """Notebooks and names with ``..`` stay in the directory, each figure in its own file."""
    made = Made()
    for index, notebook in enumerate(("../../up.ipynb", "/abs.ipynb", "C:\\x.ipynb", "CON.ipynb", "con.ipynb", "..")):
        made.add("..", notebook, EncodedImage("image/png", png(grey=index)))
        made.add("NUL", notebook, EncodedImage("image/png", png(grey=index + 100)))
    with made.open() as file:
        for name in file.namelist():
            assert ".." not in name.split("/")
            assert not name.startswith("/")
        file.extractall(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len({path.read_bytes() for path in (tmp_path / "out").rglob("*.png")}) == 12


def test_a_lost_image_is_said_and_the_others_come():
    """A missing blob is null in the records and named on the page."""
    made = Made()
    made.add("gone", "", PNG, keep=False)
    made.add("there", "", EncodedImage("image/png", png(grey=7)))
    with made.open() as file:
        gone, there = json.loads(file.read("figures.json"))["figures"]
        page = file.read("index.html").decode()
    assert gone["files"] == {"png": None}
    assert there["files"]["png"].endswith("there.png")
    assert "PNG is missing" in page


def test_text_on_the_page_is_escaped():
    """Markup in names, titles, texts and notebooks is escaped, and so are URLs."""
    made = Made()
    made.add("a b&c", "<i>.ipynb", PNG, title="<script>alert(1)</script>", alt='"><img src=x onerror=alert(1)>')
    with made.open() as file:
        page = file.read("index.html").decode()
    assert "<script" not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page
    assert 'src="pictures/' in page
    assert "a%20b%26c.png" in page
    assert page.count("<img ") == 1


def test_kind_C13_no_html_is_framed():
    """A document is a link, as a page opened from a disk has no sandbox."""
    made = Made()
    made.add("doc", "", EncodedImage("text/html", HTML))
    with made.open() as file:
        page = file.read("index.html").decode()
    assert "<iframe" not in page
    assert "<img" not in page
    assert 'href="pictures/without%20a%20notebook/doc.html"' in page


def test_it_comes_in_pieces():
    """Each figure's bytes are returned with it, and a long page in several chunks."""
    made = Made()
    for index in range(2_000):
        made.add(f"f{index}", "", PNG, title=f"{index} " + "title " * 40)
    assert all(len(piece) < 2_000 for piece in made.pieces)
    with made.open() as file:
        assert len(file.namelist()) == 2_002
        assert file.testzip() is None


def test_a_plot_that_is_no_figure():
    """It has a flat, safe path; plots that differ only in the directory are both included; one may be missing."""
    made = Made()
    row = {"title": "", "alt": "", "version": 1, "notebook": None, "updated": "2027-01-15T08:00:00.000Z"}
    for name, data in (("cell-1.png", b"1"), ("a/../b.png", b"2"), ("CELL-1.png", b"3"), ("gone.png", None)):
        made.pieces.append(made.archive.add_plot(row | {"name": name}, "png", NOW, data))
    with made.open() as file:
        assert file.read("captured/cell-1.png") == b"1"
        assert file.read("captured/CELL-1-2.png") == b"3"
        files = [row["files"]["png"] for row in json.loads(file.read("figures.json"))["figures"]]
        assert files[3] is None
        assert file.read(files[1]) == b"2"
        assert not [name for name in file.namelist() if ".." in name.split("/")]


def test_a_time_before_zips_began():
    """Years outside the format's range are replaced."""
    blobs = MemoryBlobStore()
    archive = ZipExport(blobs, describe, make_templates().get_template("export/figures.html").generate, "Figures")
    with zipfile.ZipFile(io.BytesIO(b"".join(archive.end(0.0)))) as file:
        assert file.getinfo("index.html").date_time[0] == 1980
