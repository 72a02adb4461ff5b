"""Sizes of a run: full, for ratios that can be trusted, or quick, to see that it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Counts of one run.

    Parameters
    ----------
    publish_rounds
        Rounds of each plot; a round publishes twice and saves once.
    load_rounds, load_seconds
        How often each server is put under load, and for how long each time.
    figures
        In the large catalog.
    asked
        Different links that are asked for in turns; more than the server remembers.
    clients
        Idle event streams.
    active
        Viewers of a dashboard beside them, who fetch what they hear of.
    deliveries
        Publishes that all of them must hear.
    stores
        Figures published into a store within this process.
    galleries
        Figures of each catalog whose gallery is asked for, the fewest first.
    idle_seconds
        How long an idle server is looked at.
    messages
        Messages that capture reads; a hundredth as many pictures.
    frames
        Of an animation.
    renders
        Of one plot, each way, one after the other.
    live_rounds
        Calls of a live function in each state of its kernel.
    viewers
        Of one live figure at once.
    """

    publish_rounds: int
    load_rounds: int
    load_seconds: int
    figures: int
    asked: int
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


FULL = Scale(
    publish_rounds=25,
    load_rounds=7,
    load_seconds=2,
    figures=1_000_000,
    asked=8_192,
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
)
QUICK = Scale(
    publish_rounds=1,
    load_rounds=1,
    load_seconds=1,
    figures=300,
    asked=20,
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
)
