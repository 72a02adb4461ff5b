"""Throw-away drawings leave nothing behind but what makes later ones faster. In fresh processes, as in the zygote."""

from __future__ import annotations

import subprocess
import sys

SETUP = """
import os, matplotlib
matplotlib.use("agg")
from matplotlib import pyplot, font_manager
from jupyter_figserve.plotting.remembered import text as remembered_text
from jupyter_figserve.plotting.encode import encode
from jupyter_figserve.sandbox.jailed import warm_up
from jupyter_figserve.sandbox.jailed.drawing_warnings import drawing_warnings
from jupyter_figserve.sandbox.jailed.figure_log import figure_log
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", SETUP + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_no_file_stays_open():
    """Children of the zygote would share the position in an open font file, and read each other's glyphs."""
    code = """
    before = {entry: os.readlink(f"/proc/self/fd/{entry}") for entry in os.listdir("/proc/self/fd")[:-1]}
    warm_up.draw_figure()
    during = [os.readlink(f"/proc/self/fd/{entry}") for entry in os.listdir("/proc/self/fd")[:-1]]
    print(any(name.endswith(".ttf") for name in during))
    warm_up.warm_zygote()
    names = [os.readlink(f"/proc/self/fd/{entry}") for entry in os.listdir("/proc/self/fd")[:-1]]
    print(sorted(names) == sorted(before.values()))
    """
    assert run(_dedented(code)) == ["True", "True"]


def test_state_is_as_before():
    """No figure, no record, no warning and no setting of a throw-away drawing is seen by a job."""
    code = """
    before = dict.copy(matplotlib.rcParams)
    warm_up.warm_zygote()
    print(dict.copy(matplotlib.rcParams) == before, pyplot.get_fignums(), pyplot.figure().number)
    print(figure_log.figures, figure_log.latest, drawing_warnings.sentences)
    """
    assert run(_dedented(code)) == ["True", "[]", "1", "[]", "None", "[]"]


def test_a_forked_process_has_the_common_labels():
    """The texts of an ordinary axis are measured and laid out from memory in a child."""
    code = """
    warm_up.warm_zygote()
    if os.fork() == 0:
        known = set(remembered_text._layouts)
        pyplot.plot([0, 4], [-1, 16])
        encode(pyplot.gcf())
        print(len(set(remembered_text._layouts) - known), flush=True)
        os._exit(0)
    os.wait()
    """
    assert run(_dedented(code)) == ["0"]


def _dedented(code):
    return "\n".join(line[4:] for line in code.splitlines())
