"""Cards of live figures in the gallery, each with its last image. Server process.

Showing them calls no function: the image is the last one that was drawn with the default parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ....errors import InvalidInput
from ....model.links import LIVE as LIVE_LINK
from ....model.live import DATA_FORM, DEVICE_PIXEL_RATIOS, HTML_FORM, LiveFigureRecord, LiveRequest, shown_suffix
from ....model.live_images import LiveImage
from ...services.live.registry import LiveTarget
from ..context import AppContext
from .query import ALL, LIVE, RUNNING, SHARED, GalleryQuery

_MAX_CARDS, _MAX_ALONE = 8, 200
"""Maximum number of cards: among figures, and on the page of live figures alone."""
_MAX_KNOWN = 300
"""Number of latest live figures that a search covers."""
STATES = ("running", "detached", "offline")


@dataclass(frozen=True)
class LiveCard:
    """A live figure on the page.

    Parameters
    ----------
    form
        Form of its result, as far as it is known.
    """

    target: LiveTarget
    form: str | None
    is_detached: bool = False
    links: int = 0
    image: LiveImage | None = None

    @property
    def record(self) -> LiveFigureRecord:
        return self.target.record

    @property
    def state(self) -> str:
        """Where its images come from now."""
        if self.target.kernel is not None:
            return "running"
        return "detached" if self.is_detached else "offline"

    @property
    def label(self) -> str:
        """The text in place of an image; "" for an image that is not drawn yet."""
        return {HTML_FORM: "Interactive", DATA_FORM: "Data"}.get(self.form or "", "")

    @property
    def address(self) -> str:
        """URL of the image relative to our prefix, another one once there is a newer image."""
        assert self.image is not None
        return f"live/f/{self.record.id}.{shown_suffix(self.form)}?_last={self.image.digest[:12]}"

    @property
    def keys(self) -> Iterator[str]:
        """Keys of the images with default parameters; none where a parameter has no default."""
        if self.label:
            return
        try:
            arguments = self.target.declaration.parameters.complete({})
        except InvalidInput:
            return
        for ratio in DEVICE_PIXEL_RATIOS:
            yield LiveRequest(arguments, shown_suffix(self.form), device_pixel_ratio=ratio).key


@dataclass(frozen=True)
class LiveSection:
    """The live figures that match, running ones first; ``has_more`` when the page of live figures has others."""

    cards: list[LiveCard]
    has_more: bool = False


async def make_live_section(context: AppContext, owner: str, query: GalleryQuery) -> LiveSection:
    """Return the live figures, which the page shows before the figures."""
    if not query.shows_live:
        return LiveSection([])
    store = context.store
    cards = await _make_cards(context, owner, query)
    shown = [card for card in cards if _is_shown(card, query)]
    limit = _MAX_ALONE if query.show == LIVE else _MAX_CARDS
    keys = [(card.record.id, key) for card in shown[:limit] for key in card.keys]
    images = await store.live.find_images(keys) if keys else {}
    with_images = [replace(card, image=images.get(card.record.id)) for card in shown[:limit]]
    return LiveSection(with_images, len(cards) > len(with_images) and query.show == ALL)


async def _make_cards(context: AppContext, owner: str, query: GalleryQuery) -> list[LiveCard]:
    """Return an owner's live figures: running, then detached, then those that nothing answers, latest first each."""
    store, guess = context.store, context.live.forms.guess
    targets = [target for target in await _list_targets(context, owner) if _matches(target, query)]
    if not targets:
        return []
    links = await store.links.count_open([one.record.id for one in targets], store.clock(), LIVE_LINK)
    detached = await store.live.find_detached_ids(owner)
    cards = [LiveCard(one, guess(one), one.record.id in detached, links.get(one.record.id, 0)) for one in targets]
    return sorted(cards, key=lambda card: (STATES.index(card.state), -card.record.updated))


async def _list_targets(context: AppContext, owner: str) -> list[LiveTarget]:
    """Return an owner's latest live figures, each as the newest kernel offers it."""
    offered = [one for one in context.live.registry.list_offered() if one.record.owner == owner]
    found = {target.record.id: target for target in reversed(offered)}
    for record in await context.store.live.list(owner, _MAX_KNOWN):
        found.setdefault(record.id, LiveTarget(record, record.declaration))
    return list(found.values())


def _matches(target: LiveTarget, query: GalleryQuery) -> bool:
    identity = target.record.identity
    if query.notebook and (identity.notebook, identity.scope) != (query.notebook, query.scope):
        return False
    if query.session and target.kernel != query.session:
        return False
    texts = (identity.name, target.declaration.heading, target.declaration.description, identity.notebook)
    return not query.q or any(query.q.casefold() in text.casefold() for text in texts)


def _is_shown(card: LiveCard, query: GalleryQuery) -> bool:
    """Whether the filter includes it; among all figures, those of past experiments are left out."""
    if query.show == SHARED:
        return card.links > 0
    if query.show == RUNNING:
        return card.state == "running"
    is_asked_for = query.show == LIVE or query.q or query.notebook
    return bool(is_asked_for) or card.state != "offline" or card.links > 0
