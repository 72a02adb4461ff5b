"""Random sequences of what owners, visitors and time do to a store, against a simple model, over both databases."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from jupyter_figserve.errors import Conflict, NotFound
from jupyter_figserve.model.figures import FigureRecord, sha256_hex
from jupyter_figserve.model.links import FIGURE, VIEW_SECONDS, Link, Target
from jupyter_figserve.store.store import Store

from ..tokens import new_token
from .conftest import SqliteFiles
from .making import FakeClock, assert_sound, draft, link_to, run

HOUR, DAY = 3_600.0, 86_400.0
LIMITED = 2
"""Views of links that have a limit."""


@dataclass
class ModelLink:
    token: str
    link: Link
    is_revoked: bool = False
    viewers: dict[str, float] = field(default_factory=dict)
    used: int = 0


@dataclass
class ModelFigure:
    id: str
    name: str
    versions: list[bytes]
    links: list[ModelLink] = field(default_factory=list)
    deleted: float | None = None


class StoreMachine(RuleBasedStateMachine):
    """Does everything twice: in a store, and in a model that is too simple to be wrong."""

    store: Store
    clock: FakeClock
    open_store: Callable[[], Store]
    owners = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        # One store for all examples, as a database takes long to make.
        self.owner = f"ann-{next(self.owners)}"
        self.figures: list[ModelFigure] = []

    @property
    def current(self) -> list[ModelFigure]:
        return [figure for figure in self.figures if figure.deleted is None]

    @property
    def all_links(self) -> list[tuple[ModelFigure, ModelLink]]:
        return [(figure, link) for figure in self.figures for link in figure.links]

    def find(self, name: str) -> ModelFigure | None:
        return next((figure for figure in self.current if figure.name == name), None)

    @rule(name=st.sampled_from("ab"), data=st.sampled_from([b"one", b"two"]))
    def publish(self, name: str, data: bytes) -> None:
        """The same bytes again make no version; a name that was deleted makes another figure."""
        record = run(self.store.figures.publish(draft(name, data, owner=self.owner)))
        known = self.find(name)
        if known is None:
            known = ModelFigure(record.id, name, [])
            assert record.id not in {figure.id for figure in self.figures}
            self.figures.append(known)
        if known.versions[-1:] != [data]:
            known.versions.append(data)
        assert (record.id, record.version.number) == (known.id, len(known.versions))

    @precondition(lambda self: self.current)
    @rule(choice=st.data(), hours=st.sampled_from([None, 1, 48]), views=st.sampled_from([None, LIMITED]))
    def share(self, choice: st.DataObject, hours: int | None, views: int | None) -> None:
        figure = choice.draw(st.sampled_from(self.current))
        token, now = new_token(), self.clock()
        expires = None if hours is None else now + hours * HOUR
        link = link_to(Target(FIGURE, figure.id), token, created=now, expires=expires, views=views)
        run(self.store.links.add(link))
        figure.links.append(ModelLink(token, link))

    @precondition(lambda self: any(figure.links for figure in self.current))
    @rule(choice=st.data(), change=st.sampled_from(["pause", "resume", "revoke"]))
    def change_link(self, choice: st.DataObject, change: str) -> None:
        open_ones = [link for figure in self.current for link in figure.links if self._is_stored(link)]
        if not open_ones:
            return
        link = choice.draw(st.sampled_from(open_ones))
        if change == "revoke":
            run(self.store.links.revoke(link.link))
            link.is_revoked = True
        else:
            link.link = run(self.store.links.change(link.link, {"paused": change == "pause"}))

    @precondition(lambda self: self.all_links)
    @rule(choice=st.data(), client=st.sampled_from(["x", "y", "z"]))
    def view(self, choice: st.DataObject, client: str) -> None:
        """A client counts once in a while; a link without views left shows nothing to another one."""
        figure, link = choice.draw(st.sampled_from(self.all_links))
        now = self.clock()
        if link.link.views is None or not self._shows(figure, link):
            return
        is_known = now - link.viewers.get(client, -DAY) < VIEW_SECONDS
        expected = is_known or link.used < LIMITED
        assert run(self.store.links.use_view(link.link, client, now)) == expected
        if expected and not is_known:
            link.used += 1
            link.viewers[client] = now

    @precondition(lambda self: self.current)
    @rule(choice=st.data(), hours=st.sampled_from([0, 2, 30]), is_restored=st.booleans())
    def delete(self, choice: st.DataObject, hours: float, is_restored: bool) -> None:
        figure = choice.draw(st.sampled_from(self.current))
        assert run(self.store.figures.delete([figure.id])) == 1
        figure.deleted = self.clock()
        self.wait_and_clean(hours)
        if is_restored:
            self._restore(figure)

    @precondition(lambda self: self.figures)
    @rule(choice=st.data())
    def restore(self, choice: st.DataObject) -> None:
        """With its versions and links, within a day, unless another figure has taken its name."""
        deleted = [figure for figure in self.figures if figure.deleted is not None]
        self._restore(choice.draw(st.sampled_from(deleted or self.figures)))

    def _restore(self, figure: ModelFigure) -> None:
        if figure.deleted is not None and self.clock() - figure.deleted >= DAY:
            with pytest.raises(NotFound):
                run(self.store.figures.restore(figure.id))
        elif figure.deleted is not None and self.find(figure.name) is not None:
            with pytest.raises(Conflict):
                run(self.store.figures.restore(figure.id))
        else:
            assert run(self.store.figures.restore(figure.id)).id == figure.id
            figure.deleted = None

    @rule(hours=st.sampled_from([0, 0.1, 2, 2, 30, 24 * 40]))
    def wait_and_clean(self, hours: float) -> None:
        self.clock.turn(hours * HOUR)
        run(self.store.collect_garbage())

    @rule()
    def restart(self) -> None:
        self.store.close()
        type(self).store = self.open_store()

    @invariant()
    def figures_are_those_of_the_model(self) -> None:
        for figure in self.figures:
            record = run(self.store.figures.find(figure.id))
            assert (record is None) == (figure.deleted is not None)
            if record is not None:
                self._check_versions(figure, record)

    @invariant()
    def links_show_what_the_model_shows(self) -> None:
        """The newest version, or nothing."""
        for figure, link in self.all_links:
            found, record = run(self.store.links.find_shown(link.token))
            is_shown = found is not None and record is not None and found.is_open(self.clock())
            assert is_shown == self._shows(figure, link), (figure, link)
            if is_shown:
                assert record.version.representations[0].digest == sha256_hex(figure.versions[-1])

    def teardown(self) -> None:
        if self.figures:
            assert_sound(self.store)
            run(self.store.figures.delete([figure.id for figure in self.current]))

    def _check_versions(self, figure: ModelFigure, record: FigureRecord) -> None:
        versions = run(self.store.figures.list_versions(figure.id))
        digests = {version.number: version.representations[0].digest for version in versions}
        assert digests == {number: sha256_hex(data) for number, data in enumerate(figure.versions, 1)}
        for data in figure.versions:
            assert run(self.store.read_blob(sha256_hex(data))) == data

    def _shows(self, figure: ModelFigure, link: ModelLink) -> bool:
        is_gone = figure.deleted is not None or link.is_revoked or link.link.paused
        return not is_gone and (link.link.expires is None or self.clock() < link.link.expires)

    def _is_stored(self, link: ModelLink) -> bool:
        """Cleaning removes links that expired long ago."""
        return not link.is_revoked and (link.link.expires is None or self.clock() < link.link.expires)


def test_store_does_what_the_model_does(open_here, clock, database):
    """Publish, share, pause, revoke, view, expire, delete, restore, clean and restart, in any order."""

    def open_store() -> Store:
        return open_here(keep_deleted=DAY)

    class Machine(StoreMachine):
        pass

    Machine.store, Machine.clock, Machine.open_store = open_store(), clock, staticmethod(open_store)
    # PostgreSQL takes three times as long for the same rows: it sees fewer examples, and all of them every night.
    max_examples = settings.default.max_examples
    examples = max_examples // 3 if isinstance(database, SqliteFiles) or max_examples > 30 else max_examples // 8
    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=examples, stateful_step_count=30, parent=settings.default),
    )
