"""``figserve.Dashboard``: rows of figures, live figures and text, as the notebook holds them. Kernel."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import Conflict, FigServeError, InvalidInput
from ...model import dashboards, snippets
from ...model.figures import NAME_LENGTH, check_name, slug
from ...model.formats import get_format
from ...model.links import DEFAULT_LINK_LIFE
from ..client.connection import Connection, get_connection
from ..figures.captured_plot import CapturedPlot
from ..figures.cell import find_shell
from ..figures.display import href_of
from ..figures.publish import publish
from ..figures.published_figure import Published
from ..figures.shared_link import SharedLink
from .controls import DashboardControls
from .panels import LaidOutPanel, place_panels
from .static_html import board_bundle
from .stills import PanelImage, draw_stills
from .widget import make_board_widget


class Dashboard:
    """A page of figures, live figures and text; the same in the notebook, behind a link and in a file.

    Parameters
    ----------
    title
        Its heading.
    rows
        Lists of panels: anything that ``publish`` takes, published figures, live figures (also bound ones), and
        strings, which are Markdown. ``(2, panel)`` is twice as wide as its neighbours, ``figserve.Panel`` has a
        caption. A row of one panel needs no list of its own.
    theme
        ``"light"``, ``"dark"``, or None for what its reader prefers.
    controls
        Names of the parameters that one control on top drives in all live panels that have them. None shares those
        that several panels have alike; ``[]`` shares none.

    Raises
    ------
    InvalidInput
        When something cannot stand in a row, naming the panel, its place and what to do.
    """

    def __init__(
        self, title: str, rows: Iterable[Any], *, theme: str | None = None, controls: Iterable[str] | None = None
    ) -> None:
        self._rows = place_panels(rows)
        if isinstance(controls, str):
            raise InvalidInput(f"Give controls as a list of names, such as [{controls!r:.60}].")
        self._layout = dashboards.Layout.from_json(
            {
                "title": title,
                "theme": theme,
                "controls": None if controls is None else list(controls),
                "rows": [[panel.as_value().as_json() for panel in row] for row in self._rows],
            }
        )
        self._shared = dashboards.shared_controls(
            self._layout, {panel.place: panel.parameters for panel in self.panels}
        )
        self._record: dict[str, Any] | None = None
        self._connection: Connection | None = None

    @property
    def title(self) -> str:
        return self._layout.title

    @property
    def theme(self) -> str | None:
        return self._layout.theme

    @property
    def rows(self) -> list[list[LaidOutPanel]]:
        return [list(row) for row in self._rows]

    @property
    def panels(self) -> list[LaidOutPanel]:
        """Those of all rows, in their order."""
        return [panel for row in self._rows for panel in row]

    def shared_controls(self) -> dict[str, list[str]]:
        """Names of the parameters that have one control on top, each with the places of the panels it drives."""
        return {name: list(places) for name, places in self._shared.items()}

    @property
    def controls(self) -> DashboardControls:
        """What its readers can move: ``widget().params`` has a value for each ``key``."""
        return DashboardControls.of(self.panels, self._shared)

    def widget(self, **values: Any) -> Any:
        """The dashboard as a widget, for boxes of ipywidgets; ``params`` is its trait to observe, set and link.

        Parameters
        ----------
        **values
            Of its controls at first, by their keys: ``since=2015``, or ``**{"2-1.type": "Wolf"}`` for a panel's own.
        """
        stills = self._stills(self.controls.complete(values))
        return make_board_widget(self, stills, values, secrets.token_hex(6), self._href())

    @property
    def id(self) -> str:
        """Its lasting id, the same for every run of this notebook."""
        return str(self._published()["id"])

    @property
    def name(self) -> str:
        return str(self._published()["name"])

    @property
    def version(self) -> int:
        """The version that publishing it made, or found unchanged."""
        return int(self._published()["version"])

    @property
    def url(self) -> str:
        """Its page, for those who may log in; ``share()`` makes a link for others."""
        return str(self._published()["url"])

    def image_url(self, format: str = "png") -> str:
        """URL of the whole dashboard as one picture."""
        return snippets.image_url(self.url, get_format(format).name)

    def publish(self, name: str | None = None) -> Dashboard:
        """Give it a URL; publishing it again, also by running the notebook again, updates it under the same one.

        Its figures that are not published yet are published under its name and their place, such as
        ``"sightings 1-2"``.

        Parameters
        ----------
        name
            Tells the dashboards of a notebook apart; None is made of the title.

        Raises
        ------
        NotConnected
            When there is no server; the text says what to do.
        FigServeError
            When a panel cannot be published, naming it.
        """
        called = check_name(name) if name is not None else self._usual_name()
        connection = get_connection()
        rows = [[panel.as_value(_target_of(panel, called)).as_json() for panel in row] for row in self._rows]
        body = {"name": called, **self._layout.as_json(), "rows": rows}
        self._record = connection.client.post("api/dashboards", body)
        self._connection = connection
        return self

    def share(
        self,
        expires: str | float = DEFAULT_LINK_LIFE,
        *,
        lock: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
        label: str | None = None,
    ) -> SharedLink:
        """Make a link for people without an account; publishes it first where that was not done.

        Parameters
        ----------
        expires
            ``"12h"``, ``"30d"``, a time in RFC 3339, seconds, or ``"never"``.
        lock
            Values that its live panels always show; what is neither locked nor allowed has its default.
        allow
            Names of the parameters that its viewers may move, within their bounds.
        label
            A note for yourself, to know the link by in lists.
        """
        if isinstance(allow, str):
            raise InvalidInput(f"Give allow as a list of names, such as [{allow!r:.60}].")
        wanted = {"expires": expires, "lock": self._locked(lock or {}), "allow": list(allow), "label": label}
        if self._record is None:
            self.publish()
        client = self._connected().client
        return SharedLink(client.post(f"api/dashboards/{self.id}/links", wanted), client, self.name)

    def links(self) -> list[SharedLink]:
        """Its links; their URLs were shown when they were made, and are not known any more."""
        client = self._connected().client
        answer = client.get(f"api/dashboards/{self.id}/links")
        return [SharedLink(entry, client, self.name) for entry in answer["links"]]

    def delete(self) -> None:
        """Take it off the server with all its versions and links; its figures stay."""
        self._connected().client.delete(f"api/dashboards/{self.id}")
        self._record = None

    def save(self, path: Any, **options: Any) -> Any:
        """Write it into a file to give away: ``.html`` that works from disk, ``.zip`` for a static host, ``.pdf``.

        Parameters
        ----------
        path
            Its suffix says which of the three.
        **options
            ``max_states``, ``max_bytes``, ``format`` and ``progress``, as ``save_dashboard`` describes them.
        """
        from ..export.save import save_dashboard

        return save_dashboard(self, path, **options)

    def __repr__(self) -> str:
        where = f", version {self.version}: {self.url}" if self._record else ""
        lines = [f'Dashboard "{self.title}"{where}']
        lines += ["  " + " | ".join(panel.words for panel in row) for row in self._rows]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        key, stills = secrets.token_hex(6), self._stills(self.controls.defaults())
        data, metadata = board_bundle(self, stills, key, self._href())
        view: Any = make_board_widget(self, stills, {}, key, self._href())._repr_mimebundle_()
        view = view[0] if isinstance(view, tuple) else view
        return {**(view or {}), **data}, metadata

    def _ipython_display_(self) -> None:
        """Show the static pictures and the widget as two outputs, of which the widget hides the other.

        In one output, a front end would choose the widget also where nothing is left to run it: in a notebook that is
        opened again, and in exports.
        """
        from IPython.display import display

        key, stills = secrets.token_hex(6), self._stills(self.controls.defaults())
        data, metadata = board_bundle(self, stills, key, self._href())
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        if getattr(find_shell(), "kernel", None) is not None:
            display(make_board_widget(self, stills, {}, key, self._href()))  # type: ignore[no-untyped-call]

    def _stills(self, values: Mapping[str, Any]) -> dict[str, PanelImage]:
        controls = self.controls
        return draw_stills(self.panels, {panel.place: controls.arguments(panel.place, values) for panel in self.panels})

    def _published(self) -> dict[str, Any]:
        if self._record is None:
            raise Conflict("The dashboard has no URL yet; publish() gives it one.", code="not_published")
        return self._record

    def _connected(self) -> Connection:
        self._published()
        assert self._connection is not None
        return self._connection

    def _href(self) -> str | None:
        """Its page as the notebook's page can follow it, None before it is published."""
        return href_of(self.url, is_own=self._connected().is_own) if self._record else None

    def _usual_name(self) -> str:
        """The name that it has already, else one made of its title."""
        named = str(self._record["name"]) if self._record else slug(self.title)
        if named is None:
            raise InvalidInput(f"No name can be made of the title {self.title!r:.60}; give one: publish(name=…).")
        return named

    def _locked(self, lock: Mapping[str, Any]) -> dict[str, Any]:
        """JSON values of those that live panels shall be locked to.

        Raises
        ------
        InvalidInput
            For a parameter that no live panel has, or that does not allow the value.
        """
        locked = {}
        for name, value in lock.items():
            panel = next((panel for panel in self.panels if name in panel.parameters.names), None)
            if panel is None:
                raise InvalidInput(f"No live panel has a parameter {name!r:.60} to lock.", code="unknown_parameter")
            locked.update(panel.object.offer.signature.from_python({name: value}))
        return locked


def _target_of(panel: LaidOutPanel, board: str) -> str:
    """Id of what a panel shows, which is published where it was not; ``""`` for text.

    Raises
    ------
    FigServeError
        Naming the panel.
    """
    if panel.kind == dashboards.TEXT:
        return ""
    try:
        if panel.kind == dashboards.LIVE or isinstance(panel.object, Published):
            return str(panel.object.id)
        name = f"{board[: NAME_LENGTH - len(panel.place) - 1]} {panel.place}"
        if isinstance(panel.object, CapturedPlot):
            return panel.object.publish(name, alt=panel.given_alt).id
        return publish(panel.object, name, alt=panel.given_alt).id
    except FigServeError as error:
        raise panel.fault(error) from error
