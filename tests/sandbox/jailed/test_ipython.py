"""Code of a notebook cell finds ``display`` and ``get_ipython``, and draws what the cell would."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from jupyter_figserve.errors import CodeFailed, OutputInvalid

from ..harness import LINE, Sandbox

TWO = (
    "import matplotlib.pyplot as plt\n"
    "a = plt.figure(figsize=(2, 1))\nplt.plot([1, 2])\nb = plt.figure(figsize=(3, 1))\nplt.plot([2, 1])\n"
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="20"/>'


def size(sandbox: Sandbox, code: str, **fields) -> tuple[int, int]:
    return Image.open(io.BytesIO(sandbox.render(code, timeout=50, **fields).images[0].data)).size


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (TWO + "display(a)\n", (200, 100)),
        (TWO + "from IPython.display import display\ndisplay(a, b)\ndisplay('text')\n", (300, 100)),
        (TWO + "display(a)\nplt.figure(figsize=(4, 1))\nplt.plot([1])\n", (400, 100)),
        (TWO + "handle = display(a, display_id=True)\nhandle.update(b)\n", (300, 100)),
        ("from matplotlib.figure import Figure\nf = Figure((3, 1))\nf.subplots()\ndisplay(f)\ndel f\n", (300, 100)),
        (
            TWO + "plt.savefig('o.png')\nplt.close('all')\nfrom IPython.display import Image\nImage('o.png')\n",
            (300, 100),
        ),
        (TWO + "plt.show()\ndisplay({'text/html': '<b>table</b>'}, raw=True)\n", (300, 100)),
    ],
)
def test_displayed_object_is_the_figure(full_sandbox: Sandbox, code: str, expected: tuple[int, int]):
    """Unless the code makes another figure afterwards; an image, but not a table, precedes a figure that was shown."""
    assert size(full_sandbox, code) == expected


def test_a_displayed_image_without_a_figure(full_sandbox: Sandbox):
    """Its bytes are the result; an object with only HTML is refused with the reason."""
    code = f"from IPython.display import SVG, HTML, display\ndisplay(SVG({SVG!r}))\n"
    assert full_sandbox.render(code, format="svg").images[0].data.decode() == SVG
    error = full_sandbox.attack("from IPython.display import HTML\nHTML('<b>x</b>')\n")
    assert isinstance(error, OutputInvalid)
    assert "no image" in str(error)
    assert "publish the value from a notebook" in str(error)


def test_text_is_printed(full_sandbox: Sandbox):
    """As a console would show it."""
    assert full_sandbox.render("display('a', 1)\n" + LINE).output == "'a'\n1\n"


@pytest.mark.parametrize("source", ["", "from IPython import get_ipython\n"])
def test_irrelevant_cells_are_ignored(full_sandbox: Sandbox, source: str):
    """Inline display and packages; probes of a front end find none."""
    code = source + (
        "shell = get_ipython()\nshell.run_line_magic('matplotlib', 'inline')\nshell.magic('%config X.y = 1')\n"
        "shell.system('pip install numpy')\nshell.run_cell_magic('time', '', 'made = 1')\n"
        "print(hasattr(shell, 'kernel'), 'IPKernelApp' in shell.config, made)\n"
    )
    assert full_sandbox.render(code + LINE).output == "False False 1\n"


@pytest.mark.parametrize("call", ["system('ls')", "getoutput('ls')", "run_line_magic('run', 'a.py')", "no_such()"])
def test_the_shell_refuses_with_a_sentence(full_sandbox: Sandbox, call: str):
    """It says what is missing, and what to do."""
    error = full_sandbox.attack(f"get_ipython().{call}\n" + LINE)
    assert isinstance(error, CodeFailed)
    assert error.line == 1
    assert "Remove this" in str(error)


def test_libraries_find_no_shell(full_sandbox: Sandbox):
    """They would adapt to a front end that is not here."""
    code = (
        "import types, IPython\nlibrary = types.ModuleType('library')\n"
        "exec('from IPython import get_ipython\\nfound = get_ipython()', vars(library))\nprint(library.found)\n"
    )
    assert full_sandbox.render(code + LINE).output == "None\n"


def test_top_level_await(full_sandbox: Sandbox):
    """Runs in an event loop; the last expression is still the result."""
    code = "import asyncio\n" + TWO + "async def first():\n    await asyncio.sleep(0)\n    return a\nawait first()\n"
    assert size(full_sandbox, code) == (200, 100)
