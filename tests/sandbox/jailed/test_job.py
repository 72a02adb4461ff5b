"""Jobs in a child: run code as a user would, select and resize the figure, report errors, open sources."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jupyter_figserve.errors import CodeFailed, InvalidInput, NoFigure, OutputInvalid
from jupyter_figserve.model.formats import FORMATS, looks_like
from jupyter_figserve.plotting.pickling import pickle_figure

from ...conftest import require_package
from ...pixels import pixels
from ..conftest import one_tier
from ..harness import LINE, Sandbox
from ..scripts import REFERENCE, SCRIPTS

PLT = "import matplotlib.pyplot as plt\n"
OTHER_ARTISTS = set(
    "legend bars barh scatter contour contourf pcolormesh pie box violin errorbar fill stack stem step polar log symlog"
    " twin grid gridspec patches quiver hexbin hist2d triangles event-plot three-scatter wire table inset".split()
)
"""Scripts that differ from others in what matplotlib draws, not in how they reach it: they run every night."""
SIZES = [(400, 300), (1200, 800), (333, 77), (1, 1), (641, 479), (1999, 1013), (25, 50)]
RESOLUTIONS = [None, 72, 96.5, 133, 300]
TWO = PLT + "plt.figure(figsize=(2, 1))\nplt.plot([1, 2])\nplt.figure(figsize=(3, 1))\nplt.plot([2, 1])\n"


def size(data: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(data)).size


@pytest.fixture(scope="module")
def references(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the images that plain matplotlib renders for the scripts of this run."""
    directory = tmp_path_factory.mktemp("references")
    cases = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    names = {case.params.get("name") for case in cases if case is not None}
    scripts = {name: script for name, script in SCRIPTS.items() if name in names}
    (directory / "scripts.json").write_text(json.dumps(scripts), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", REFERENCE, directory / "scripts.json", directory],
        check=True,
        timeout=300,
    )
    return directory


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.nightly] * (name in OTHER_ARTISTS)) for name in SCRIPTS]
)
def test_a_script_gives_the_pixels_of_savefig(full_sandbox: Sandbox, references: Path, name: str):
    """Without a size, each pixel equals the result of ``exec`` and ``savefig`` in plain matplotlib."""
    expected = pixels((references / f"{name}.reference.png").read_bytes())
    drawn = pixels(full_sandbox.render(SCRIPTS[name], timeout=30).images[0].data)
    assert drawn.shape == expected.shape
    assert (drawn == expected).all()


@pytest.mark.parametrize(
    "text", ["$x$", "$\\frac{", "\\", "</svg>", "日本語 ☃ \U0001f600", "%s {} %(x)d", "", "x" * 68]
)
def test_text_on_an_error_card_is_literal(full_sandbox: Sandbox, text: str):
    """It is not parsed as markup, mathtext or code; the card's height fits its lines, and it is deterministic."""
    source = json.dumps({"heading": text, "lines": [text, text]}).encode()
    card, again = (full_sandbox.render(source, kind="card").images[0] for _ in range(2))
    assert (card.width, card.height) == (640, 124)
    assert card.data == again.data
    assert bool(text) == bool((pixels(card.data)[20:110, 20:620] != pixels(card.data)[70, 600]).any())


def test_an_error_card_in_each_tier(sandbox: Sandbox):
    """The card's fonts are readable in each tier."""
    card = sandbox.render(json.dumps({"heading": "Error", "lines": ["a"]}).encode(), kind="card").images[0]
    assert (pixels(card.data)[20:60, 20:620] != pixels(card.data)[70, 600]).any()


@pytest.mark.parametrize("name", ["line", "three", "saves", "mathtext", "printing", "dates"])
def test_the_lowest_tier_renders_scripts_too(sandbox: Sandbox, references: Path, name: str):
    """Also without a scratch directory."""
    expected = pixels((references / f"{name}.reference.png").read_bytes())
    assert (pixels(sandbox.render(SCRIPTS[name]).images[0].data) == expected).all()


@pytest.mark.parametrize("row", [row for row in FORMATS.values() if row.name != "html"], ids=lambda row: row.name)
def test_each_format(full_sandbox: Sandbox, row):
    """The image is in the requested format and states its size; no tier encodes differently."""
    image = full_sandbox.render(LINE, format=row.name, width=300, height=200).images[0]
    assert looks_like(row, image.data)
    assert image.mimetype == row.mimetype
    assert (image.width, image.height) == (300, 200)


def test_equal_code_gives_equal_bytes(sandbox: Sandbox):
    """In every format, because digests identify blobs."""
    for name in ("png", "svg", "pdf", "eps", "svgz", "jpg"):
        first, second = (sandbox.render(LINE, format=name).images[0].data for _ in range(2))
        assert first == second, name


@pytest.mark.parametrize(
    ("asked", "dpi"),
    [
        pytest.param(asked, dpi, marks=[pytest.mark.nightly] * (row % len(RESOLUTIONS) != column))
        for row, asked in enumerate(SIZES)
        for column, dpi in enumerate(RESOLUTIONS)
    ],
)
def test_sizes_are_exact_to_the_pixel(full_sandbox: Sandbox, asked: tuple[int, int], dpi: float | None):
    """At any resolution."""
    code = "import matplotlib.pyplot as plt\nplt.figure()\n"
    image = full_sandbox.render(code, width=asked[0], height=asked[1], dpi=dpi).images[0]
    assert size(image.data) == asked == (image.width, image.height)


def test_one_side_keeps_the_proportions(full_sandbox: Sandbox):
    """640 by 480 becomes 320 by 240, from either side."""
    for side in ({"width": 320}, {"height": 240}):
        assert size(full_sandbox.render(LINE, **side).images[0].data) == (320, 240)


def test_a_requested_size_overrides_tight_settings(full_sandbox: Sandbox):
    """A requested size is exact, whether the code or the request sets a tight image."""
    code = "import matplotlib.pyplot as plt\nplt.rcParams['savefig.bbox'] = 'tight'\nplt.plot([1, 2])\n"
    assert size(full_sandbox.render(code, width=500, height=400).images[0].data) == (500, 400)
    assert size(full_sandbox.render(code, width=500, height=400, tight=True).images[0].data) == (500, 400)


def test_the_own_size_of_a_tight_image_changes_nothing(full_sandbox: Sandbox):
    """Asking for the pixels that a tight image has anyway gives the same image."""
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('Sales')\n"
    own = full_sandbox.render(code, tight=True).images[0].data
    width, height = size(own)
    for options in ({"width": width}, {"height": height}, {"width": width, "height": height}):
        again = full_sandbox.render(code, tight=True, **options).images[0].data
        assert size(again) == (width, height)
    assert np.array_equal(pixels(again), pixels(own))


def test_transparent_and_style(full_sandbox: Sandbox):
    """Options of the request reach savefig and the style; an unknown style is an error of the request."""
    assert pixels(full_sandbox.render(LINE, transparent=True).images[0].data)[0, 0, 3] == 0
    dark = pixels(full_sandbox.render(LINE, style="dark_background").images[0].data)
    assert tuple(dark[0, 0]) == (0, 0, 0, 255)
    error = full_sandbox.attack(LINE, style="no such style")
    assert isinstance(error, InvalidInput)
    assert "ggplot" in str(error)


def test_which_of_several_figures(full_sandbox: Sandbox):
    """The current one, one by its number, or all in pyplot's order."""
    assert size(full_sandbox.render(TWO).images[0].data) == (300, 100)
    assert size(full_sandbox.render(TWO, figure=1).images[0].data) == (200, 100)
    assert [size(p.data) for p in full_sandbox.render(TWO, figure="all").images] == [(200, 100), (300, 100)]
    error = full_sandbox.attack(TWO, figure=3)
    assert isinstance(error, NoFigure)
    assert "1, 2" in str(error)


@pytest.mark.parametrize(
    "last",
    [
        "a",
        "a.figure",
        "a.plot([1])",
        "a.set_title('x')",
        "plt.figure(1)",
        "Figure(figsize=(2, 1))",
        "{'axes': a}",
    ],
)
def test_a_last_expression_is_the_figure(full_sandbox: Sandbox, last: str):
    """A figure, axes, an artist or a collection."""
    code = (
        PLT + "from matplotlib.figure import Figure\n"
        "a = plt.figure(1, figsize=(2, 1)).subplots()\nplt.figure(2, figsize=(5, 5))\n" + last
    )
    assert size(full_sandbox.render(code).images[0].data) == (200, 100)


@pytest.mark.parametrize("last", ["42", "'text'", "print('x')", "None", "[1, 2]", "plt.show()"])
def test_any_other_last_expression_leaves_the_current_figure(full_sandbox: Sandbox, last: str):
    """The value is ignored."""
    assert size(full_sandbox.render(TWO + last).images[0].data) == (300, 100)


@one_tier
@pytest.mark.parametrize(
    "code",
    [
        TWO + "plt.savefig('x.png')\nplt.close('all')\n",
        TWO + "plt.savefig('/no/such/place/x.png')\nplt.close('all')\n",
        "from matplotlib.figure import Figure\nfig = Figure(figsize=(3, 1))\nfig.subplots().plot([1, 2])\n",
        "from matplotlib.figure import Figure\ndef f():\n    Figure(figsize=(3, 1)).savefig('x.png')\nf()\n",
        "%matplotlib inline\n%config InlineBackend.figure_format = 'retina'\n" + TWO,
    ],
)
def test_the_figure_that_a_user_would_have_seen(sandbox: Sandbox, code: str):
    """Figures saved and closed, files that cannot be written, figures without pyplot, a notebook's first line."""
    assert size(sandbox.render(code).images[0].data) == (300, 100)


def test_closed_figures_are_counted(full_sandbox: Sandbox):
    """A loop that saves and closes has made as many figures as it saved."""
    code = PLT + "for w in (1, 2, 3):\n    plt.figure(figsize=(w, 1))\n    plt.savefig(f'{w}.png')\n    plt.close()\n"
    assert size(full_sandbox.render(code, figure=2).images[0].data) == (200, 100)
    assert len(full_sandbox.render(code, figure="all").images) == 3


def test_an_error_has_type_message_line_and_its_own_frames(full_sandbox: Sandbox):
    """With lines of the source, without frames of ours and of libraries; earlier output is included."""
    code = "import numpy as np\nprint('before')\ndef f(x):\n    return np.reshape(x, 7)\n\nf([1, 2])\n"
    error = full_sandbox.attack(code)
    assert isinstance(error, CodeFailed)
    assert (error.kind, error.line, error.output) == ("ValueError", 4, "before\n")
    assert "cannot reshape" in str(error)
    assert "return np.reshape(x, 7)" in error.traceback
    assert 'File "<code>", line 6, in <module>' in error.traceback
    assert "site-packages" not in error.traceback
    assert "posted.py" not in error.traceback


def test_a_syntax_error(full_sandbox: Sandbox):
    """Its line number, and the text of the line."""
    error = full_sandbox.attack("x = 1\nif x\n    y\n")
    assert isinstance(error, CodeFailed)
    assert (error.kind, error.line) == ("SyntaxError", 2)
    assert "if x" in error.traceback


def test_chained_errors(full_sandbox: Sandbox):
    """All of them are reported, each with its own frames."""
    error = full_sandbox.attack("try:\n    1/0\nexcept Exception as e:\n    raise KeyError('second') from e\n")
    assert isinstance(error, CodeFailed)
    assert (error.kind, error.line) == ("KeyError", 4)
    assert "ZeroDivisionError" in error.traceback


def test_an_error_while_drawing(full_sandbox: Sandbox):
    """It is an error of the code: mathtext that does not parse, a formatter that raises (with its line)."""
    error = full_sandbox.attack(PLT + "plt.title(r'$\\frac{1$')\n")
    assert isinstance(error, CodeFailed)
    error = full_sandbox.attack(
        PLT + "from matplotlib.ticker import FuncFormatter\n"
        "def broken(x, p):\n    raise RuntimeError('in the formatter')\n"
        "plt.gca().xaxis.set_major_formatter(FuncFormatter(broken))\n"
    )
    assert isinstance(error, CodeFailed)
    assert (error.kind, error.line) == ("RuntimeError", 4)


def test_an_exception_that_cannot_be_printed(full_sandbox: Sandbox):
    """A failing ``__str__`` does not hide the error."""
    error = full_sandbox.attack("class E(Exception):\n    def __str__(self): raise ValueError\nraise E\n")
    assert isinstance(error, CodeFailed)
    assert error.kind == "E"


def test_title_alt_thumbnail_and_libraries(full_sandbox: Sandbox):
    """The metadata of a published figure is complete."""
    answer = full_sandbox.render(LINE, with_thumbnail=True)
    assert answer.title == "still here"
    assert answer.alt
    assert answer.thumbnail is not None
    assert size(answer.thumbnail.data)[0] == 320
    assert answer.libraries["matplotlib"] == version("matplotlib")
    assert full_sandbox.render(LINE).thumbnail is None


def test_an_animation_as_last_value_is_its_first_frame(full_sandbox: Sandbox):
    """The frame that is shown first."""
    code = (
        PLT + "from matplotlib.animation import FuncAnimation\nfig, ax = plt.subplots()\nline, = ax.plot([0, 1])\n"
        "ani = FuncAnimation(fig, lambda i: line.set_ydata([1, 0]), frames=3)\nani"
    )
    assert full_sandbox.render(code).images[0].data != full_sandbox.render(code + "\nNone").images[0].data


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("pandas", "import pandas as pd\npd.DataFrame({'a': [1, 3, 2]}).plot()"),
        ("pandas", "import pandas as pd\npd.Series([1, 3, 2]).hist()"),
        ("seaborn", "import seaborn as sns\nsns.scatterplot(x=[1, 2], y=[2, 1])"),
        (
            "seaborn",
            "import seaborn as sns\nimport pandas as pd\nsns.relplot(pd.DataFrame({'x': [1], 'y': [2]}), x='x', y='y')",
        ),
    ],
)
def test_libraries_on_matplotlib(full_sandbox: Sandbox, module: str, code: str):
    """Those that the interpreter has."""
    require_package(module)
    assert full_sandbox.render(code, timeout=50).images[0].data


def test_input_is_at_end_of_file(full_sandbox: Sandbox):
    """There is no one to type anything."""
    error = full_sandbox.attack("input('name? ')")
    assert isinstance(error, CodeFailed)
    assert error.kind == "EOFError"


def test_scratch_files_can_be_written_and_read(full_sandbox: Sandbox):
    """By relative names, by tempfile, and in /tmp, which is otherwise empty."""
    code = (
        "import os, tempfile\nopen('a.txt', 'w').write('x')\nassert os.path.exists('a.txt')\n"
        "tempfile.NamedTemporaryFile().write(b'x')\n"
        # An installation below /tmp takes its place.
        "if os.path.islink('/tmp'): open('/tmp/b', 'w').write('y')\n"
    )
    assert full_sandbox.render(code + LINE).images


# Sources


def figure():
    from matplotlib.figure import Figure

    made = Figure(figsize=(4, 3))
    made.subplots().plot([1, 3, 2])
    return made


def test_P4_a_figure_is_rendered_again_in_any_size(sandbox: Sandbox):
    """400 by 300 and 1200 by 800 exactly, and its own size with the original pixels."""
    source = pickle_figure(figure())
    for asked in ((400, 300), (1200, 800)):
        answer = sandbox.render(source, kind="figure", width=asked[0], height=asked[1])
        assert size(answer.images[0].data) == asked
    plain = io.BytesIO()
    figure().savefig(plain, format="png")
    assert (pixels(sandbox.render(source, kind="figure").images[0].data) == pixels(plain.getvalue())).all()


class Gadget:
    """Runs a command when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_P1_a_pickle_that_runs_code(sandbox: Sandbox, bait):
    """The code runs inside the jail: no program starts, no file is read or changed."""
    import builtins
    import os

    for gadget in (
        Gadget(os.system, f"rm -f {bait.open_file}; touch {bait.directory}/evil"),
        Gadget(builtins.exec, f"open({str(bait.open_file)!r}, 'w').write('evil')"),
        Gadget(builtins.eval, f"__import__('os').chmod({str(bait.token)!r}, 0o777)"),
    ):
        assert isinstance(sandbox.attack(pickle.dumps(gadget), kind="figure"), OutputInvalid)
        bait.assert_unharmed()
    sandbox.assert_well()


@one_tier
@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"\x80\x04",
        b"(" * 200_000 + b".",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\x00\x00\x00",
        pickle.dumps({"a": 1}),
        pickle.dumps(None),
        b"(lp0\n" + b"(lp0\n" * 2_000 + b".",
        b"\x80\x04]" + b"\x94h\x00a" * 10 + b".",
    ],
)
def test_P2_pickles_that_are_not_figures(sandbox: Sandbox, source: bytes):
    """Bombs, truncated pickles and other objects are refused."""
    assert isinstance(sandbox.attack(source, kind="figure", timeout=5), OutputInvalid)
    sandbox.assert_well()


def test_P2_a_billion_laughs_pickle(sandbox: Sandbox):
    """A billion references to one list use memory of its own process only."""
    bomb: list[object] = ["lol"]
    for _ in range(30):
        bomb = [bomb] * 10
    answer = sandbox.attack(pickle.dumps(bomb), kind="figure", timeout=3)
    assert isinstance(answer, Exception)
    sandbox.assert_well()


def test_P3_a_figure_of_another_matplotlib(sandbox: Sandbox):
    """It is rendered if possible; otherwise the error names both versions."""
    source = pickle_figure(figure())
    assert sandbox.render(source, kind="figure", libraries={"matplotlib": "3.8.0"}).images
    broken = (
        source.replace(b"AxesStack", b"AxesStuck") if b"AxesStack" in source else source.replace(b"Figure", b"Figyre")
    )
    error = sandbox.attack(broken, kind="figure", libraries={"matplotlib": "3.8.0"})
    assert isinstance(error, OutputInvalid), error
    assert "3.8.0" in str(error)
    assert version("matplotlib") in str(error)


def test_a_function_is_called_with_its_arguments(sandbox: Sandbox):
    """Its return value is rendered; arguments keep their types."""
    from matplotlib import pyplot

    source = pickle.dumps(pyplot.figure)
    answer = sandbox.render(source, kind="function", arguments={"figsize": (3, 1), "dpi": 50})
    assert size(answer.images[0].data) == (150, 50)
    hidpi = sandbox.render(source, kind="function", arguments={"figsize": (3, 1), "dpi": 50}, device_pixel_ratio=2)
    assert (size(hidpi.images[0].data), hidpi.device_pixel_ratio, answer.device_pixel_ratio) == ((300, 100), 2, 1)
    error = sandbox.attack(source, kind="function", arguments={"no_such": 1})
    assert isinstance(error, CodeFailed)
    assert error.kind in ("TypeError", "AttributeError")


def test_a_function_by_value_has_its_own_lines(sandbox: Sandbox):
    """A detached live function, as cloudpickle writes it; its error says where in it."""
    cloudpickle = pytest.importorskip("cloudpickle", reason="not on this machine: cloudpickle")
    names: dict[str, object] = {}
    exec(
        "def draw(width, bad=False):\n    import matplotlib.pyplot as plt\n    if bad: raise ValueError('bad')\n"
        "    return plt.figure(figsize=(width, 1))\n",
        names,
    )
    source = cloudpickle.dumps(names["draw"])
    assert size(sandbox.render(source, kind="function", arguments={"width": 3}).images[0].data) == (300, 100)
    error = sandbox.attack(source, kind="function", arguments={"width": 3, "bad": True})
    assert isinstance(error, CodeFailed)
    assert (error.kind, error.line) == ("ValueError", 3)


def test_a_function_whose_module_is_missing_says_what_to_install(sandbox: Sandbox):
    """As cloudpickle is where only plots are made."""
    source = b"cno_such_module\nfunction\n."
    error = sandbox.attack(source, kind="function")
    assert isinstance(error, CodeFailed)
    assert "pip install no_such_module" in str(error)
