"""Figures of many kinds, created by functions that parametrized tests use."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape)


def line():
    figure, axes = plt.subplots()
    axes.plot(np.linspace(0, 10, 100), np.sin(np.linspace(0, 10, 100)), label="sine")
    axes.set(title="Waves", xlabel="time", ylabel="height")
    axes.legend()
    return figure


def histograms():
    figure, grid = plt.subplots(2, 2, figsize=(6, 4))
    for axes in grid.flat:
        axes.hist(numbers(1000), bins=15)
    return figure


def scatter():
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.scatter(*numbers(2, 500), c=numbers(500))
    return figure


def image():
    figure, axes = plt.subplots()
    figure.colorbar(axes.imshow(numbers(30, 40)), ax=axes)
    return figure


def surface():
    figure = plt.figure()
    x, y = np.meshgrid(np.arange(10), np.arange(10))
    figure.add_subplot(projection="3d").plot_surface(x, y, x * y, cmap="viridis")
    return figure


def transparent():
    figure = line()
    figure.set_facecolor((0, 0.5, 1, 0.3))
    return figure


def colourless():
    figure = plt.figure()
    figure.add_subplot().plot([1, 3, 2], color="0.4")
    return figure


def huge():
    figure = plt.figure(figsize=(60, 40))
    figure.add_subplot().plot([1, 2])
    return figure


def one_pixel():
    return plt.figure(figsize=(0.01, 0.01), dpi=100, facecolor="red")


def overhanging():
    figure = line()
    figure.axes[0].text(1.2, 0.5, "outside", transform=figure.axes[0].transAxes)
    return figure


def constrained():
    figure, grid = plt.subplots(1, 2, layout="constrained")
    for axes in grid:
        axes.set(title="panel", xlabel="x\nbelow", ylabel="y")
    figure.colorbar(grid[0].imshow(numbers(4, 4)), ax=grid)
    return figure


def tight_layout():
    figure, grid = plt.subplots(1, 2, layout="tight")
    grid[1].set_ylabel("a long label")
    return figure


def mathtext():
    figure = plt.figure()
    axes = figure.add_subplot(xscale="log")
    axes.set_title(r"$\sqrt{\frac{a}{b}}\ \sum_i^n \alpha_i$")
    axes.plot([1, 10, 100], [1, 2, 3])
    return figure


def many_things():
    """Clips, hatches, markers, gradients, rasterized parts: everything that gets ids in SVG and PDF."""
    figure, grid = plt.subplots(1, 3)
    grid[0].bar(["a", "b"], [1, 2], hatch="//")
    grid[1].plot([1, 2, 3], "o-", clip_path=grid[1].patch)
    grid[1].scatter(*numbers(2, 50), rasterized=True)
    grid[2].imshow(numbers(5, 5), clip_path=plt.Circle((2, 2), 2, transform=grid[2].transData))
    return figure


def bars():
    figure, axes = plt.subplots()
    axes.bar(["one", "two", "three"], [3, 1, 2], yerr=0.3, color=["C0", "C3", "0.5"])
    axes.barh([0.5], [2], hatch="x", facecolor="none", edgecolor="g")
    return figure


def polar_bars():
    figure = plt.figure()
    figure.add_subplot(projection="polar").bar([0, 1, 3], [3, 1, 2], width=0.8, bottom=0.5)
    return figure


def contours():
    figure, axes = plt.subplots()
    x, y = np.meshgrid(np.linspace(-2, 2, 30), np.linspace(-1, 1, 20))
    axes.contourf(x, y, x * y, levels=8)
    axes.clabel(axes.contour(x, y, x**2 + y**2, colors="k"))
    return figure


def days():
    figure, axes = plt.subplots()
    axes.plot(np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]"), numbers(60))
    axes.set_xlabel("day")
    return figure


def twins():
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3], [1e6, 3e6, 2e6])
    other = axes.twinx()
    other.semilogy([1, 2, 3], [10, 1000, 1], "r--")
    other.set_ylabel("other")
    return figure


def subfigures():
    figure = plt.figure(layout="constrained", figsize=(7, 4))
    left, right = figure.subfigures(1, 2)
    left.suptitle("left")
    left.subplots().hist(numbers(100))
    right.set_facecolor("0.9")
    right.subplots(2, 1, sharex=True)[0].plot([1, -1])
    return figure


def seaborn_strips():
    import pandas as pd
    import seaborn as sns

    frame = pd.DataFrame({"value": numbers(60), "kind": list("abc") * 20})
    return sns.stripplot(frame, x="kind", y="value", hue="kind", jitter=False, ax=plt.figure().subplots()).figure


def registered_colormap():
    import matplotlib as mpl

    if "house" not in mpl.colormaps:
        mpl.colormaps.register(mpl.colors.LinearSegmentedColormap.from_list("house", ["navy", "gold"]))
    figure, axes = plt.subplots()
    figure.colorbar(axes.pcolormesh(numbers(5, 6), cmap="house"))
    return figure


FIGURES = [
    line,
    histograms,
    scatter,
    image,
    surface,
    transparent,
    colourless,
    one_pixel,
    overhanging,
    constrained,
    tight_layout,
    mathtext,
    many_things,
]
