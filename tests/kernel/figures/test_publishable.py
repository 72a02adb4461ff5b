"""Inputs of ``publish`` other than plotting objects: paths, file objects, text and arrays."""

from __future__ import annotations

import gzip
import importlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from jupyter_figserve.errors import FigServeError, InvalidInput
from jupyter_figserve.kernel.figures.publishable import choose_formats, read_object

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"/>'


@pytest.fixture
def png(tmp_path: Path) -> Path:
    path = tmp_path / "my plot.png"
    Image.new("L", (4, 3)).save(path)
    return path


def test_a_path_gives_its_bytes_and_name(png: Path):
    """As text or as ``Path``; a given name takes precedence."""
    assert read_object(png, None) == (png.read_bytes(), "my-plot")
    assert read_object(str(png), "sales") == (png.read_bytes(), "sales")


def test_files_and_svg_text(png: Path):
    """Open files, ``BytesIO``, SVG as text with a declaration of another encoding, and compressed SVG."""
    data = png.read_bytes()
    with png.open("rb") as file:
        assert read_object(file, None) == (data, None)
    used = io.BytesIO(data)
    used.read()
    assert read_object(used, None)[0] == data
    text = '\ufeff<?xml version="1.0" encoding="utf-16"?>' + SVG.decode()
    assert read_object(text, None)[0].endswith(SVG)
    assert b"utf-16" not in read_object(text, None)[0]
    assert read_object(gzip.compress(SVG), None)[0] == SVG


class Unreadable:
    """A path that fails."""

    def __fspath__(self) -> str:
        raise RuntimeError("gone")


class Reader:
    """A file object of another library, whose read takes no size."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def read(self) -> Any:
        return self.data


class Failing:
    """A file object that cannot be read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, size: int) -> bytes:
        raise self.error


def closed(file: io.BytesIO) -> io.BytesIO:
    file.close()
    return file


def test_paths_and_files_of_other_libraries(png: Path):
    """A path may be bytes, a read may take no size, and its bytes may be mutable."""

    class BytesPath:
        def __fspath__(self) -> bytes:
            return bytes(png)

    assert read_object(BytesPath(), None) == (png.read_bytes(), "my-plot")
    assert read_object(Reader(bytearray(png.read_bytes())), None) == (png.read_bytes(), None)


def test_a_path_that_is_no_name_is_not_advised_as_one():
    """The advice would only lead to the next error."""
    with pytest.raises(InvalidInput, match=r"There is no file 'a/b'\.$"):
        read_object("a/b", None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path / "none.png", "There is no file"),
        (lambda path: "sales", "publish\\(name='sales'\\)"),
        (lambda path: path, "is a directory"),
        (lambda path: path / "text.png", "is not an image in a known format"),
        (lambda path: "a\0b.png", "cannot be read|There is no file"),
        (lambda path: io.BytesIO(b"\x1f\x8bbroken"), "damaged"),
        (lambda path: np.zeros((3, 3, 2), np.uint8), r"shape \(3, 3, 2\)"),
        (lambda path: np.zeros(5, np.uint8), "not an image"),
        (lambda path: np.zeros((0, 4), np.uint8), "not an image"),
        (lambda path: np.full((2, 2), np.nan), "values from 0 to 1"),
        (lambda path: np.full((2, 2), 7.0), "values from 0 to 1"),
        (lambda path: np.zeros((2, 2), np.int64), "type int64"),
        (lambda path: np.broadcast_to(np.uint8(0), (100_000, 100_000, 3)), "100,000 by 100,000 pixels"),
        (lambda path: np.broadcast_to(0.5, (1_000_000, 1_000_000)), "1,000,000 by 1,000,000 pixels"),
        (lambda path: " ", "The path is empty"),
        (lambda path: "https://example.org/plot.png", "is a URL"),
        (lambda path: "data:image/png;base64,AAAA", "is a URL"),
        (lambda path: "~no-such-user/plot.png", "no home directory '~no-such-user'"),
        (lambda path: Unreadable(), "cannot be read: gone"),
        (lambda path: closed(io.BytesIO(b"x")), "closed"),
        (lambda path: Failing(io.UnsupportedOperation("read")), "not open for reading"),
        (lambda path: Failing(OSError(5, "Input/output error")), "Input/output error"),
        (lambda path: Reader(None), "returned NoneType, not bytes"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, make: Any, message: str):
    """Each with one sentence that says what to do."""
    (tmp_path / "text.png").write_text("plain words")
    with pytest.raises(FigServeError, match=message):
        read_object(make(tmp_path), None)


@pytest.mark.parametrize(
    ("array", "pixel"),
    [
        (np.full((3, 4), 200, np.uint8), 200),
        (np.full((3, 4, 3), 200, np.uint8), (200,) * 3),
        (np.full((3, 4, 4), 1.0), (255,) * 4),
        (np.full((3, 4, 1), 0.5, np.float32), 128),
        (np.ones((3, 4), bool), 255),
        (np.full((3, 4), 40_000, np.uint16), 40_000),
    ],
)
def test_arrays_are_images(array: Any, pixel: Any):
    """Grey, RGB and RGBA, of bytes, booleans, 16 bits or floats from 0 to 1."""
    image, _ = read_object(array, None)
    assert image.size == (4, 3)
    assert image.getpixel((1, 1)) == pixel


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("kernel.figures.published_figure", "Published"),
        ("kernel.figures.shared_link", "SharedLink"),
        ("kernel.live.live_figure", "LiveFigure"),
        ("kernel.dashboard", "Dashboard"),
    ],
)
def test_what_has_an_address_is_refused(module: str, name: str):
    """The HTML of a link, published as a figure, would tell its secret."""
    kind = getattr(importlib.import_module(f"jupyter_figserve.{module}"), name)
    with pytest.raises(InvalidInput, match=f"This {name} has an address already"):
        read_object(object.__new__(kind), "x")


def test_other_objects_are_left_alone():
    """Figures, Pillow images and arrays of artists."""
    for obj in (Figure(), Image.new("L", (1, 1)), np.array([Figure()], dtype=object), None):
        assert read_object(obj, "a")[0] is obj


def test_animations_have_their_own_default():
    """GIF with a PNG of the first frame; a chosen format stays, and is not moving where that is chosen."""
    frames = [Image.new("L", (4, 3), 80 * index) for index in range(3)]
    for format, expected in (("GIF", "gif"), ("WEBP", "webp"), ("PNG", "apng")):
        buffer = io.BytesIO()
        frames[0].save(buffer, format, save_all=True, append_images=frames[1:])
        image = Image.open(buffer)
        assert choose_formats(image, ("png",)) == (expected, "png")
        assert choose_formats(image, ("apng",)) == ("apng", "png")
        assert choose_formats(image, ("jpg",)) == ("jpg",)
    assert choose_formats(frames[0], ("png",)) == ("png",)


def test_a_directory_error_is_ours(tmp_path: Path):
    """Not an exception of the operating system."""
    with pytest.raises(InvalidInput):
        read_object(tmp_path, None)
