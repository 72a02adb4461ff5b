"""`render`: code from a file or standard input becomes an image in a file."""

from __future__ import annotations

import pytest

from ...png_header import png_size

CODE = "import matplotlib.pyplot as plt\nprint('drawn')\nplt.plot([1, 3, 2])\n"


def test_the_suffix_is_the_format(shell):
    """The same code makes the same bytes; sizes are in pixels; standard output is the image alone."""
    (shell.home / "rise.py").write_text(CODE)
    shell.run("render", "rise.py", "-o", "rise.svg")
    first = (shell.home / "rise.svg").read_bytes()
    shell.run("render", "rise.py", "-o", "rise.svg")
    assert first.startswith(b"<?xml")
    assert (shell.home / "rise.svg").read_bytes() == first
    shell.run("render", "rise.py", "--width", "300", "--height", "200")
    assert png_size((shell.home / "rise.png").read_bytes()) == (300, 200)
    done = shell.start("render", "-", "-o", "-", stdin=-1, stdout=-1, stderr=-1)
    image, said = done.communicate(CODE.encode(), timeout=60)
    assert (done.returncode, said, png_size(image) is not None) == (0, b"", True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("-",), 2, "requires --output"),
        (("-", "-o", "a.docx"), 1, "Unknown format 'docx'"),
        (("-", "-o", "a"), 1, "Unknown format ''"),
        (("missing.py",), 1, "missing.py"),
        (("-", "-o", "a.png", "--width", "0"), 1, "width=0"),
        (("-", "-o", "."), 1, ". is a directory. Name a file in it, such as plot.png"),
    ],
)
def test_mistakes_are_explained(shell, arguments, code, message):
    """No file is written."""
    assert message in shell.run("render", *arguments, stdin=CODE, expect=code).err
    assert list(shell.home.glob("a*")) == []


def test_other_encodings(shell):
    """A declared encoding is read as Python does; code in another is refused with what to do, as is a device."""
    shell.run("render", "-", "-o", "a.png", stdin=f"# coding: latin-1\n# gr\xf6\xdfe\n{CODE}".encode("latin-1"))
    shell.run("render", "-", "-o", "a.png", stdin=f"\ufeff{CODE}")
    refused = shell.run("render", "-", "-o", "b.png", stdin=f"# gr\xf6\xdfe\n{CODE}".encode("latin-1"), expect=1)
    assert "standard input is not text in UTF-8. Save it as UTF-8, or declare its encoding" in refused.err
    assert "more than 67,108,864 bytes" in shell.run("render", "/dev/zero", "-o", "b.png", expect=1).err
    assert not (shell.home / "b.png").exists()


def test_earlier_image_stays_when_it_cannot_be_replaced(shell):
    """Files are replaced as a whole, and keep their mode."""
    (shell.home / "rise.py").write_text(CODE)
    image = shell.home / "rise.png"
    image.write_bytes(b"earlier")
    image.chmod(0o640)
    shell.run("render", "rise.py")
    assert image.read_bytes().startswith(b"\x89PNG")
    assert image.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in shell.home.glob("*rise*")) == ["rise.png", "rise.py"]
    refused = shell.run("render", "rise.py", "-o", "missing/rise.png", expect=1)
    assert refused.err == "jupyter figserve render: missing/rise.png: No such file or directory.\n"


def test_the_traceback_of_the_code_is_shown(shell):
    """With what it had printed; an earlier image stays."""
    (shell.home / "bad.py").write_text("print('so far')\n1/0\n")
    (shell.home / "bad.png").write_bytes(b"earlier")
    failed = shell.start("render", "bad.py", stdout=-1, stderr=-1)
    _, said = failed.communicate(timeout=60)
    assert failed.returncode == 1
    for text in (b"so far", b'File "<code>", line 2', b"bad.py: ZeroDivisionError"):
        assert text in said
    assert (shell.home / "bad.png").read_bytes() == b"earlier"
