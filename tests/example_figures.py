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
    figure, grid = plt.subplots(2, 2, figsize=(10, 8))
    for axes in grid.flat:
        axes.hist(numbers(1000), bins=40)
    return figure


def scatter():
    figure, axes = plt.subplots(figsize=(12, 8))
    axes.scatter(*numbers(2, 5000), c=numbers(5000))
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
    figure, grid = plt.subplots(2, 2, layout="constrained")
    for axes in grid.flat:
        axes.set(title="panel", xlabel="x\nbelow", ylabel="y")
    figure.colorbar(grid[0, 0].imshow(numbers(4, 4)), ax=grid)
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
