"""Sizes of a run: full, for reliable ratios, or quick, to check that it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Counts of one run.

    Parameters
    ----------
    publish_rounds
        Rounds of each plot; each publishes twice and saves once.
    load_rounds, load_seconds
        How many times each server is put under load, and for how long.
    figures
        Figures in the large catalog.
    linked
        Different links requested in a round robin; more than the server caches.
    clients
        Idle event streams.
    active
        Viewers of a dashboard besides the idle ones, who fetch each new image.
    deliveries
        Publishes that every client must receive.
    stores
        Figures published to a store within this process.
    galleries
        Figures in each catalog whose gallery is requested, the smallest first.
    idle_seconds
        How long an idle server is observed.
    messages
        Messages that capture reads; a hundredth as many images.
    frames
        Frames of an animation.
    renders
        Renders of one plot, each way, one after the other.
    live_rounds
        Calls of a live function in each state of its kernel.
    viewers
        Simultaneous viewers of one live figure.
    starts
        Servers that are started for their first figure.
    pages
        Loads of a page in a browser.
    kills
        Times that a server is killed.
    strangers, stranger_rounds
        Strangers who attack at once, and how often the owner does each thing meanwhile.
    """

    publish_rounds: int
    load_rounds: int
    load_seconds: int
    figures: int
    linked: int
    clients: int
    active: int
    deliveries: int
    stores: int
    galleries: tuple[int, ...]
    idle_seconds: int
    messages: int
    frames: int
    renders: int
    live_rounds: int
    viewers: int
    starts: int
    pages: int
    kills: int
    strangers: int
    stranger_rounds: int


FULL = Scale(
    publish_rounds=25,
    load_rounds=7,
    load_seconds=2,
    figures=1_000_000,
    linked=8_192,
    clients=1_000,
    active=50,
    deliveries=9,
    stores=100,
    galleries=(100, 10_000, 1_000_000),
    idle_seconds=20,
    messages=10_000,
    frames=150,
    renders=40,
    live_rounds=25,
    viewers=500,
    starts=7,
    pages=9,
    kills=50,
    strangers=100,
    stranger_rounds=9,
)
QUICK = Scale(
    publish_rounds=1,
    load_rounds=1,
    load_seconds=1,
    figures=300,
    linked=20,
    clients=5,
    active=2,
    deliveries=1,
    stores=2,
    galleries=(40, 100),
    idle_seconds=1,
    messages=10,
    frames=3,
    renders=2,
    live_rounds=2,
    viewers=20,
    starts=1,
    pages=1,
    kills=1,
    strangers=5,
    stranger_rounds=1,
)
