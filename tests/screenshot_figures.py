"""Figures for the README's screenshots, as three notebooks create them. Runs in kernels."""

from __future__ import annotations

from typing import Annotated, Literal

import matplotlib.pyplot as plt
import numpy as np

import jupyter_figserve as figserve

ANIMALS = (("Bear", 190, 9, "#8a5a2b"), ("Deer", 260, 16, "#2f7d5b"), ("Wolf", 40, 6, "#4a5a78"))


def style() -> None:
    plt.rcParams |= {
        "figure.constrained_layout.use": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "legend.frameon": False,
        "font.size": 11,
    }


def season(days, peak: float, height: float, random):
    return height * np.exp(-((((days - peak + 182) % 365 - 182) / 55) ** 2)) + random.gamma(1.2, 0.6, days.size)


def sightings():
    """Publish the figures of ``wildlife/sightings.ipynb``; return the record of the first."""
    style()
    random, days = np.random.default_rng(7), np.arange(1, 366)
    made = None
    for first in (200, 1):
        fig, ax = plt.subplots(figsize=(8, 4.2))
        for animal, peak, height, colour in ANIMALS:
            counts = np.convolve(season(days, peak, height, random), np.ones(9) / 9, "same")
            ax.fill_between(days[:-first], counts[:-first], alpha=0.18, color=colour)
            ax.plot(days[:-first], counts[:-first], color=colour, label=animal)
        ax.set(xlabel="day", ylabel="sightings", xlim=(1, 365), ylim=(0, 19))
        ax.set_title("Animal sightings, by day of the year")
        ax.legend()
        alt = "Bears are seen in July, deer in September and wolves in February."
        made = figserve.publish(fig, "sightings", dpi=200, alt=alt)

    fig, ax = plt.subplots(figsize=(6.4, 4.6))
    hours, months = np.meshgrid(np.arange(24), np.arange(12), indexing="ij")
    activity = np.exp(-(((hours - 6) / 2.6) ** 2)) + 1.2 * np.exp(-(((hours - 20 + np.cos(months / 2)) / 2.2) ** 2))
    image = ax.imshow(activity * (1.3 - np.cos(months * np.pi / 6)), origin="lower", aspect="auto", cmap="YlGn")
    ax.set(
        xlabel="month", ylabel="hour of the day", xticks=range(12), xticklabels="JFMAMJJASOND", yticks=range(0, 24, 6)
    )
    ax.set_title("Deer are about at dusk and dawn")
    fig.colorbar(image, label="sightings an hour")
    figserve.publish(fig, "hours")

    fig, ax = plt.subplots(figsize=(6.4, 4.6))
    x, y = random.multivariate_normal([0, 0], [[3, 1.6], [1.6, 2]], 4000).T
    ax.hexbin(x + 0.6 * np.sin(y), y, gridsize=34, cmap="magma_r", mincnt=1, linewidths=0.2)
    ax.set(xlabel="km east of the hut", ylabel="km north of the hut", aspect="equal")
    ax.set_title("Where wolves were seen")
    figserve.publish(fig, "map")

    fig, ax = plt.subplots(figsize=(6.4, 4.2))
    names = ["Marmot", "Chamois", "Deer", "Fox", "Bear", "Wolf", "Lynx"]
    bars = ax.barh(names[::-1], [4, 17, 38, 61, 112, 148, 203], color=plt.cm.viridis(np.linspace(0.15, 0.85, 7)))
    ax.bar_label(bars, padding=4)
    ax.spines["bottom"].set_visible(False)
    ax.set(xticks=[])
    ax.set_title("Sightings in 2026, by species")
    figserve.publish(fig, "species")
    return made


def dashboard():
    """Share a dashboard of these figures with a live figure; return its link."""

    @figserve.live
    def through_the_year(
        animal: Literal["Bear", "Deer", "Wolf"] = "Deer", days: Annotated[int, figserve.Range(1, 60)] = 9
    ):
        """Sightings of an animal, averaged over some days."""
        random, year = np.random.default_rng(7), np.arange(1, 366)
        _, peak, height, colour = next(row for row in ANIMALS if row[0] == animal)
        _, ax = plt.subplots(figsize=(8, 4.2))
        counts = season(year, peak, height, random)
        ax.plot(year, counts, ".", color=colour, alpha=0.25)
        ax.plot(year, np.convolve(counts, np.ones(days) / days, "same"), color=colour, linewidth=2)
        ax.set(xlabel="day", ylabel="sightings", xlim=(1, 365), ylim=(0, 22))
        ax.set_title(f"{animal}, averaged over {days} days")

    made = {figure.name: figure for figure in figserve.figures()}
    notes = (
        "## What we see\n\nDeer are about at **dusk and dawn**, wolves keep to the north-east of the hut.\n\n"
        "- The counts are by camera.\n- *Lynx* is new this year."
    )
    page = figserve.Dashboard(
        "Animal sightings",
        [
            [(3, through_the_year), (2, figserve.Panel(made["species"], caption="All cameras, until November"))],
            [made["hours"], made["map"], notes],
        ],
    )
    return page.share(expires="30d", allow=["animal", "days"])


def climate() -> None:
    """Publish the figures of ``climate/temperature.ipynb``."""
    style()
    random, years = np.random.default_rng(3), np.arange(1880, 2026)
    warming = 0.9 * ((years - 1880) / 145) ** 2.4 - 0.3 + random.normal(0, 0.09, years.size)
    fig, ax = plt.subplots(figsize=(7.2, 3.6))
    ax.bar(years, np.ones(years.size), width=1, color=plt.cm.RdBu_r((warming + 0.55) / 1.3))
    ax.set(xlim=(1880, 2025), ylim=(0, 1), yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_title("A hundred and forty-five years in stripes")
    figserve.publish(fig, "stripes")

    fig, ax = plt.subplots(figsize=(5.2, 5.2), subplot_kw={"projection": "polar"})
    turn = np.linspace(0, 2 * np.pi, 121)
    for number in range(0, years.size, 4):
        radius = 1.6 + warming[number] + 0.07 * np.sin(turn * 2 + number / 9)
        ax.plot(turn, radius, color=plt.cm.plasma(number / years.size), linewidth=1.2)
    ax.set(xticks=turn[:-1:10], xticklabels="JFMAMJJASOND", yticks=[1, 2], yticklabels=[], ylim=(0, 2.4))
    ax.spines["polar"].set_visible(False)
    ax.set_title("Each turn is a year", loc="center")
    figserve.publish(fig, "spiral")

    fig, ax = plt.subplots(figsize=(6.4, 4.6))
    grid = np.linspace(-12, 34, 300)
    for row, month in enumerate(("Jan", "Mar", "May", "Jul", "Sep", "Nov")):
        mean = 9 - 12 * np.cos(row * np.pi / 3)
        shape = np.exp(-(((grid - mean) / 4) ** 2)) + 0.3 * np.exp(-(((grid - mean - 7) / 2.5) ** 2))
        ax.fill_between(
            grid, -row, -row + 1.5 * shape, color=plt.cm.coolwarm((mean + 4) / 26), ec="w", lw=1.2, zorder=row
        )
        ax.text(-12, -row + 0.12, month, color="#555")
    ax.spines["left"].set_visible(False)
    ax.set(yticks=[], xlabel="°C at noon")
    ax.set_title("Noon temperatures, month by month")
    figserve.publish(fig, "ridges")


def physics() -> None:
    """Publish the figures of ``physics/oscillators.ipynb``."""
    style()
    angle, speed = np.meshgrid(np.linspace(-7, 7, 120), np.linspace(-3.4, 3.4, 90))
    pull = -np.sin(angle) - 0.12 * speed
    fig, ax = plt.subplots(figsize=(6.4, 4.4))
    ax.streamplot(
        angle,
        speed,
        speed,
        pull,
        density=1.5,
        linewidth=0.8,
        arrowsize=0.8,
        color=np.hypot(speed, pull),
        cmap="cividis",
    )
    ax.set(xlabel="angle", ylabel="angular velocity", xlim=(-7, 7))
    ax.set_title("A damped pendulum comes to rest")
    figserve.publish(fig, "phase portrait")

    fig, ax = plt.subplots(figsize=(6.4, 4.8))
    x, y = np.meshgrid(np.linspace(-10, 10, 400), np.linspace(-7, 7, 280))
    wave = sum(np.cos(3 * np.hypot(x - centre, y)) / (1 + 0.12 * np.hypot(x - centre, y)) for centre in (-3, 3))
    ax.contourf(x, y, wave, levels=24, cmap="Spectral")
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.set_title("Two sources interfere")
    figserve.publish(fig, "interference")

    fig, ax = plt.subplots(figsize=(6.4, 4.4))
    time = np.linspace(0, 30, 900)
    for number, damping in enumerate((0.04, 0.12, 0.35)):
        ax.plot(
            time, np.exp(-damping * time) * np.cos(time), color=plt.cm.viridis(number / 2.6), label=f"damping {damping}"
        )
    ax.set(xlabel="seconds", ylabel="deflection", xlim=(0, 30))
    ax.set_title("Damped oscillators")
    ax.legend()
    figserve.publish(fig, "damping")
