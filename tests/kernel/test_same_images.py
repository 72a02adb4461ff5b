"""Images that a server answers of a kernel's figures, against those that ``savefig`` writes in that kernel."""

from __future__ import annotations

import pytest

from jupyter_figserve.demo.server_process import ServerProcess

from ..pixels import pixels

pytestmark = pytest.mark.kernel

PREPARE = """
import contextlib, shutil
from pathlib import Path
import matplotlib as mpl
from matplotlib import font_manager, pyplot as plt
import jupyter_figserve as figserve
from jupyter_figserve.kernel.figures import archiver

UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
FONT = Path("House.ttf").absolute()
shutil.copy(Path(mpl.get_data_path(), "fonts/ttf/STIXGeneralItalic.ttf"), FONT)

def line(**text):
    figure, axes = plt.subplots(figsize=(4, 3))
    axes.plot([-1, 0, 2], label="line")
    axes.set_title("$x^2$ and text", **text)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure

def bars():
    figure = plt.figure(figsize=(3, 3), layout="constrained")
    figure.add_subplot(projection="polar").bar([0, 2], [1, 3], width=0.8)
    return figure

def house_font():
    font_manager.fontManager.ttflist.insert(0, font_manager.FontEntry(fname=str(FONT), name="House", style="normal"))
    font_manager.fontManager._findfont_cached.cache_clear()
    return {"font.family": "House"}

def publish(name, make, settings={}, **options):
    saved = {"bbox_inches": "tight"} if options.get("tight") else {}
    saved |= {"dpi": options["dpi"]} if "dpi" in options else {}
    with mpl.rc_context(settings):
        for format in ("png", "svg", "pdf"):
            with mpl.rc_context({"svg.hashsalt": "jupyter_figserve"}):
                make().savefig(f"{name}.{format}", metadata=UNDATED.get(format), **saved)
        print(figserve.publish(make(), name, **options).url)
        plt.close("all")
"""
CELLS = {
    "fonts": """line, {"font.sans-serif": ["DejaVu Serif"], "font.size": 16, "axes.unicode_minus": False}""",
    "options": """lambda: line(font=FONT), {"figure.facecolor": "lavender"}, tight=True, dpi=120""",
    "layout": """bars, {"savefig.facecolor": "gold", "axes.titlesize": 20}""",
    "added": "line, house_font()",
}


def test_they_are_the_same(live_server: ServerProcess):
    """In PNG, SVG and PDF, in the drawing state of the publish, although the next cells have others."""
    urls = {}
    with live_server.kernel() as kernel:
        assert kernel.run(PREPARE).error is None
        for name, arguments in CELLS.items():
            execution = kernel.run(f"publish({name!r}, {arguments})")
            assert execution.error is None, execution.stderr
            urls[name] = execution.stdout.strip()
        assert kernel.run("FONT.unlink(); assert archiver.flush(60)").error is None
    for name, url in urls.items():
        for format in ("png", "svg", "pdf"):
            answer = live_server.fetch(f"{url}.{format}")
            saved = (live_server.root / f"{name}.{format}").read_bytes()
            assert answer.status == 200, (name, format, answer.text)
            is_equal = (pixels(answer.body) == pixels(saved)).all() if format == "png" else answer.body == saved
            assert is_equal, (name, format)


CHANGES = {
    "steady": "",
    "clock": "figure.axes[0].xaxis.set_major_formatter(lambda value, _: str(time.perf_counter_ns())[-6:])",
    "chance": "figure.axes[0].yaxis.set_major_formatter(lambda value, _: str(random.random())[:6])",
    "class": "Line2D.zorder = 9",
}


def test_what_is_drawn_differently_is_not_offered(live_server: ServerProcess):
    """By the clock, by chance or with a changed class: the stored images serve, which show what the author saw."""
    records = {}
    with live_server.kernel() as kernel:
        assert kernel.run(f"{PREPARE}\nimport random, time\nfrom matplotlib.lines import Line2D").error is None
        for name, change in CHANGES.items():
            draw = f"figure = line()\nfigure.axes[0].legend(loc='upper right')\n{change}"
            execution = kernel.run(f"{draw}\nprint(figserve.publish(figure, {name!r}).url); plt.close('all')")
            assert execution.error is None, execution.stderr
            records[name] = execution.stdout.strip()
        assert kernel.run("Line2D.zorder = 2; assert archiver.flush(60)").error is None
    records = {name: live_server.fetch(f"{url}.json").json() for name, url in records.items()}
    assert {name: record["redrawable"] for name, record in records.items()} == {
        name: name == "steady" for name in CHANGES
    }
    for name in ("clock", "chance", "class"):
        assert "looks otherwise than published" in records[name]["limitation"], name
    # The kernel's SVG of another picture is not kept either.
    assert [name for name, record in records.items() if has_svg(record)] == ["steady", "class"]


def has_svg(record) -> bool:
    return "image/svg+xml" in [part["mimetype"] for part in record["representations"]]
