"""Plotting scripts as users write them; each needs only ``numpy`` and ``matplotlib``."""

# ruff: noqa: E501  a script a line is read more easily than one that is broken

from __future__ import annotations

_PLT = "import matplotlib.pyplot as plt\n"
_BOTH = "import numpy as np\nimport matplotlib.pyplot as plt\n"
_RANDOM = _BOTH + "rng = np.random.default_rng(1)\n"

SCRIPTS = {
    "line": _BOTH
    + "x = np.linspace(0, 10, 100)\nplt.plot(x, np.sin(x))\nplt.title('Waves')\nplt.grid(True)\nplt.show()\n",
    "legend": _BOTH + "x = np.arange(9)\nplt.plot(x, x, label='a')\nplt.plot(x, x**2, '--', label='b')\nplt.legend()\n",
    "object": _PLT + "fig, ax = plt.subplots(figsize=(5, 3), dpi=120)\nax.plot([1, 2, 3])\nax.set_xlabel('t [s]')\n",
    "bars": _PLT
    + "plt.bar(['a', 'b', 'c'], [3, 1, 2], color=['r', 'g', 'b'])\nplt.xticks(rotation=45)\nplt.tight_layout()\n",
    "barh": _PLT + "plt.barh(['a long name', 'b'], [3, 1], xerr=[0.2, 0.1])\nplt.tight_layout()\nplt.show()\n",
    "histogram": _RANDOM + "plt.hist(rng.normal(size=1000), bins=30, density=True, alpha=0.5, edgecolor='k')\n",
    "scatter": _RANDOM
    + "plt.scatter(*rng.random((2, 300)), c=rng.random(300), s=80, alpha=.6)\nplt.colorbar(label='v')\n",
    "seeded": _BOTH + "np.random.seed(19680801)\nplt.scatter(np.random.rand(50), np.random.rand(50))\nplt.show()\n",
    "image": _BOTH + "plt.imshow(np.arange(100).reshape(10, 10), cmap='magma', origin='lower')\nplt.colorbar()\n",
    "contour": _BOTH
    + "x, y = np.mgrid[-3:3:50j, -3:3:50j]\ncs = plt.contour(x, y, np.exp(-x**2-y**2))\nplt.clabel(cs)\n",
    "contourf": _BOTH + "x, y = np.mgrid[-3:3:50j, -3:3:50j]\nplt.contourf(x, y, x * y, levels=12, cmap='RdBu')\n",
    "pcolormesh": _RANDOM + "plt.pcolormesh(rng.random((9, 9)), shading='auto')\nplt.axis('off')\n",
    "pie": _PLT + "plt.pie([15, 30, 55], labels=['x', 'y', 'z'], autopct='%1.1f%%', explode=(0, .1, 0), shadow=True)\n",
    "box": _RANDOM + "plt.boxplot([rng.normal(0, s, 100) for s in (1, 2, 3)], notch=True)\n",
    "violin": _RANDOM + "plt.violinplot([rng.normal(0, s, 100) for s in (1, 2, 3)], showmedians=True)\n",
    "errorbar": _BOTH + "x = np.arange(5)\nplt.errorbar(x, x**2, yerr=x, fmt='o-', capsize=3)\n",
    "fill": _BOTH
    + "x = np.linspace(0, 6)\nplt.fill_between(x, np.sin(x), where=np.sin(x) > 0, alpha=.3, hatch='//')\n",
    "stack": _PLT + "plt.stackplot([1, 2, 3], [1, 2, 1], [3, 1, 2], labels=['a', 'b'])\nplt.legend(loc='upper left')\n",
    "stem": _BOTH + "plt.stem(np.cos(np.linspace(0, 9, 30)))\n",
    "step": _PLT + "plt.step([1, 2, 3], [1, 3, 2], where='mid')\nplt.axhline(2, color='r', ls=':')\n",
    "polar": _BOTH + "ax = plt.subplot(projection='polar')\nax.plot(np.linspace(0, 6, 50), np.linspace(0, 2, 50))\n",
    "log": _PLT + "plt.loglog([1, 10, 100], [3, 30, 200], 'o-')\nplt.grid(True, which='both')\n",
    "symlog": _BOTH + "plt.plot(np.arange(-50, 50), np.arange(-50, 50)**3)\nplt.yscale('symlog')\n",
    "twin": _PLT
    + "fig, a = plt.subplots()\na.plot([1, 2])\nb = a.twinx()\nb.plot([5, 1], 'r')\nb.set_ylabel('second', color='r')\n",
    "grid": _RANDOM
    + "fig, axs = plt.subplots(2, 3, sharex=True, figsize=(9, 5))\nfor a in axs.flat: a.plot(rng.random(20))\nfig.suptitle('All')\nfig.tight_layout()\n",
    "gridspec": _PLT
    + "from matplotlib.gridspec import GridSpec\nf = plt.figure()\ng = GridSpec(2, 2, figure=f)\nf.add_subplot(g[0, :]).plot([1, 2])\nf.add_subplot(g[1, 1])\n",
    "mosaic": _PLT
    + "f, d = plt.subplot_mosaic('AB;CC', layout='constrained')\nfor k, a in d.items(): a.set_title(k)\n",
    "subfigures": _PLT
    + "f = plt.figure(layout='constrained')\na, b = f.subfigures(1, 2)\na.subplots().plot([1, 2])\nb.suptitle('right')\nb.subplots(2, 1)\n",
    "three": _BOTH
    + "ax = plt.figure().add_subplot(projection='3d')\nx, y = np.meshgrid(np.arange(-5, 5, .5), np.arange(-5, 5, .5))\nax.plot_surface(x, y, np.sin(np.hypot(x, y)), cmap='viridis')\n",
    "three-scatter": _RANDOM
    + "ax = plt.axes(projection='3d')\nax.scatter(*rng.random((3, 50)))\nax.view_init(20, 40)\n",
    "wire": _BOTH
    + "from mpl_toolkits.mplot3d import axes3d\nfig = plt.figure()\nax = fig.add_subplot(111, projection='3d')\nX, Y, Z = axes3d.get_test_data(0.1)\nax.plot_wireframe(X, Y, Z, rstride=5, cstride=5)\n",
    "mathtext": _PLT
    + r"plt.text(.2, .5, r'$\frac{\alpha^2}{\sqrt{\beta}} = \int_0^\infty e^{-x}dx$', size=20)"
    + "\nplt.title(r'$x_i^2$')\n",
    "stix": _PLT + "plt.rcParams['mathtext.fontset'] = 'stix'\nplt.title(r'$\\sum_{i=0}^n x_i$')\n",
    "annotate": _PLT
    + "plt.plot([0, 1, 4])\nplt.annotate('here', (1, 1), (.5, 3), arrowprops=dict(arrowstyle='->', connectionstyle='arc3,rad=.2'))\n",
    "dates": _BOTH
    + "import datetime\nimport matplotlib.dates as mdates\nd = [datetime.date(2024, 1, 1) + datetime.timedelta(days=30 * i) for i in range(12)]\nfig, ax = plt.subplots()\nax.plot(d, range(12))\nax.xaxis.set_major_formatter(mdates.DateFormatter('%b %y'))\nfig.autofmt_xdate()\n",
    "style": _PLT + "plt.style.use('ggplot')\nplt.plot([1, 3, 2])\n",
    "style-context": _PLT + "with plt.style.context('dark_background'):\n    plt.plot([1, 3, 2])\nplt.show()\n",
    "xkcd": _PLT + "import logging\nlogging.disable()\nwith plt.xkcd(randomness=0):\n    plt.plot([1, 3, 2])\n",
    "rc": _PLT
    + "import matplotlib as mpl\nmpl.rcParams.update({'font.size': 14, 'axes.spines.top': False, 'figure.dpi': 80, 'savefig.dpi': 150, 'lines.linewidth': 3})\nplt.plot([1, 2])\n",
    "tight-rc": _PLT + "plt.rcParams['savefig.bbox'] = 'tight'\nplt.plot([1, 2])\nplt.text(1.4, 1, 'outside')\n",
    "backend": "import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt\nplt.switch_backend('Qt5Agg')\nplt.ion()\nplt.plot([2, 1])\nplt.pause(5)\nplt.show(block=True)\n",
    "pylab": "from pylab import *\nplot(arange(5), arange(5)**2)\nxlabel('x')\nshow()\n",
    "main": _PLT
    + "def main():\n    fig, ax = plt.subplots()\n    ax.plot([1, 2])\n    plt.show()\n\nif __name__ == '__main__':\n    main()\n",
    "exit": _PLT
    + "import sys\ndef main():\n    plt.plot([1, 2])\n    return 0\nif __name__ == '__main__':\n    sys.exit(main())\n",
    "classes": _PLT
    + "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: float = 1\n    def draw(self, ax): ax.plot([self.x, 2])\nfig, ax = plt.subplots()\nP().draw(ax)\n",
    "future": "from __future__ import annotations\n" + _PLT + "def f(x: Undefined): plt.plot([x, 2])\nf(1)\n",
    "two": _PLT + "plt.figure(1)\nplt.plot([1, 2])\nplt.figure(2, figsize=(3, 3))\nplt.plot([2, 1])\n",
    "patches": _PLT
    + "from matplotlib.patches import Circle, Rectangle, FancyBboxPatch\nfig, ax = plt.subplots()\nax.add_patch(Circle((.5, .5), .2, fc='y'))\nax.add_patch(FancyBboxPatch((.1, .1), .2, .2))\nax.set_aspect('equal')\n",
    "quiver": _BOTH + "x, y = np.meshgrid(np.arange(5), np.arange(5))\nplt.quiver(x, y, y, -x)\n",
    "stream": _BOTH
    + "y, x = np.mgrid[-3:3:50j, -3:3:50j]\nplt.streamplot(x, y, -1 - x**2 + y, 1 + x - y**2, density=.6)\n",
    "hexbin": _RANDOM + "plt.hexbin(*rng.normal(size=(2, 2000)), gridsize=20)\n",
    "hist2d": _RANDOM + "plt.hist2d(*rng.normal(size=(2, 2000)), bins=25)\nplt.colorbar()\n",
    "triangles": _RANDOM + "plt.tripcolor(*rng.random((2, 60)), rng.random(60))\n",
    "table": _PLT + "plt.table([['1', '2'], ['3', '4']], loc='center')\nplt.axis('off')\n",
    "inset": _PLT + "fig, ax = plt.subplots()\nax.plot([1, 2, 3])\nax.inset_axes([.1, .6, .3, .3]).plot([3, 1])\n",
    "unicode": _PLT + "plt.title('Größe — température °C ∑ λ')\nplt.plot([1, 2])\n",
    "event-plot": _RANDOM + "plt.eventplot(rng.random((3, 20)), colors=['r', 'g', 'b'])\n",
    "spectrogram": _RANDOM + "plt.specgram(rng.normal(size=4000), NFFT=256, Fs=100)\n",
    "animation": _BOTH
    + "from matplotlib.animation import FuncAnimation\nfig, ax = plt.subplots()\nline, = ax.plot(np.arange(9))\nani = FuncAnimation(fig, lambda i: line.set_ydata(np.arange(9) * i), frames=5)\nplt.show()\n",
    "saves": _PLT + "plt.plot([1, 2])\nplt.savefig('plot.png', dpi=50)\nplt.savefig('plot.pdf')\n",
    "widgets": _PLT
    + "from matplotlib.widgets import Slider\nfig, ax = plt.subplots()\nplt.subplots_adjust(bottom=.25)\ns = Slider(plt.axes([.25, .1, .65, .03]), 'Freq', 0, 10, valinit=3)\n",
    "transparent": _PLT + "fig = plt.figure(facecolor='none')\nfig.add_subplot().plot([1, 2])\n",
    "axes-grid": _PLT
    + "from mpl_toolkits.axes_grid1 import make_axes_locatable\nfig, ax = plt.subplots()\nim = ax.imshow([[1, 2], [3, 4]])\nfig.colorbar(im, cax=make_axes_locatable(ax).append_axes('right', '5%', pad=.1))\n",
    "zoom": _PLT
    + "fig, ax = plt.subplots(subplot_kw={'xlim': (0, 2)})\nax.plot([0, 1, 2], [2, 0, 1], marker='s', ms=12, mfc='w')\nax.invert_yaxis()\nax.tick_params(direction='in')\n",
    "printing": _PLT + "for i in range(1000):\n    print('row', i)\nplt.plot([1, 2])\n",
}

REFERENCE = """
import io, json, os, sys
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
plt.switch_backend("agg")
matplotlib.use = plt.switch_backend = lambda *a, **k: None
plt.pause = plt.show = lambda *a, **k: None
scripts = json.load(open(sys.argv[1]))
for name, code in scripts.items():
    pid = os.fork()
    if pid == 0:
        os.chdir(sys.argv[2])
        sys.stdout = open(os.devnull, "w")
        try:
            exec(compile(code, name, "exec", dont_inherit=True), {"__name__": "__main__"})
        except SystemExit:
            pass
        plt.gcf().savefig(f"{sys.argv[2]}/{name}.reference.png", format="png")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0, name
"""
"""What ``exec`` and ``savefig`` make of the scripts, each in a fork; window systems are as absent as in the sandbox."""
