"""``figserve.Dashboard``: rows of figures, live figures and text. Kernel."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import Conflict, InvalidInput, NotConnected
from ..model import snippets
from ..model.formats import get_format
from ..model.places import check_collection
from ..model.query_names import normalize_name
from ..model.texts import check_name, slug
from .client.batch_server import get_connection
from .client.client import FigServeClient
from .client.connection import Connection
from .client.front_end import find_kernel
from .dashboards.controls import DashboardControls
from .dashboards.model import DashboardModel
from .dashboards.panel_publishing import publish_panel
from .dashboards.panels import LaidOutPanel
from .dashboards.static_html import static_bundle
from .dashboards.stills import Still, render_stills
from .dashboards.widget import make_dashboard_widget
from .figures.display import link_href
from .figures.offline import warn_or_raise
from .figures.shared_link import SharedLink
from .figures.sharing import ShareableWithParameters
from .options import DASHBOARD, explain_options


class Dashboard(ShareableWithParameters):
    """A page of figures, live figures and text, for the notebook, for links and for files.

    Parameters
    ----------
    title
        Heading of the page.
    rows
        Lists of panels: anything that ``publish`` accepts, published figures, live figures (also bound ones), and
        strings with Markdown. ``(2, panel)`` is twice as wide as its neighbours; ``figserve.Panel`` adds a caption. A
        row with one panel needs no list.
    theme
        ``"light"``, ``"dark"``, or None for the reader's preference.
    controls
        Names of parameters with one shared control for all live panels that have them. None shares the parameters
        that several panels declare identically; ``[]`` shares none.

    Raises
    ------
    InvalidInput
        An argument is invalid; the message names the panel, its place and what to do.
    """

    def __init__(
        self, title: str, rows: Iterable[Any], *, theme: str | None = None, controls: Iterable[str] | None = None
    ) -> None:
        self._model = DashboardModel.build(title, rows, theme, controls)
        self._record: dict[str, Any] | None = None
        self._connection: Connection | None = None
        self._collection: str | None = None
        self._offline: NotConnected | None = None

    @property
    def title(self) -> str:
        """Heading of the page."""
        return self._model.title

    @property
    def theme(self) -> str | None:
        """``"light"``, ``"dark"``, or None for the reader's preference."""
        return self._model.theme

    @property
    def rows(self) -> list[list[LaidOutPanel]]:
        """The panels of each row, at their places."""
        return [list(row) for row in self._model.rows]

    @property
    def panels(self) -> list[LaidOutPanel]:
        """The panels of all rows, in order."""
        return self._model.panels

    def shared_controls(self) -> dict[str, list[str]]:
        """Return the names of the shared parameters, each with the places of its panels."""
        return {control.key: list(control.places) for control in self.controls.items if control.is_shared}

    @property
    def controls(self) -> DashboardControls:
        """The controls that readers can change; ``widget().params`` has a value for each ``key``."""
        return self._model.controls

    def widget(self, **values: Any) -> Any:
        """Return the dashboard as a widget, for ipywidgets boxes; observe, set or link its ``params`` trait.

        Parameters
        ----------
        **values
            Initial values of the controls by key: ``since=2015``, or ``**{"2-1.type": "Wolf"}`` for a control of one
            panel.
        """
        stills = self._stills(self.controls.complete(values))
        return make_dashboard_widget(self._model, stills, values, secrets.token_hex(6), self._href())

    @property
    def id(self) -> str:
        """Permanent id, the same for every run of this notebook."""
        return str(self._published()["id"])

    @property
    def name(self) -> str:
        """Name, which identifies the dashboard within its notebook or collection."""
        return str(self._published()["name"])

    @property
    def version(self) -> int:
        """The version that publishing created, or kept if nothing changed."""
        return int(self._published()["version"])

    @property
    def url(self) -> str:
        """URL of its page, which requires a login; ``share()`` makes a link that does not. None without a server."""
        if self._record is None and self._offline is not None:
            return None  # type: ignore[return-value]  # only in a batch run without a server
        return str(self._published()["url"])

    def image_url(self, format: str = "png") -> str:
        """Return the URL of the whole dashboard as one image.

        Parameters
        ----------
        format
            ``"png"``.
        """
        return snippets.image_url(self.url, get_format(format).name)

    @explain_options(DASHBOARD)
    def publish(self, name: str | None = None, *, collection: str | None = None) -> Dashboard:
        """Give the dashboard a URL and return it; publishing it again, or rerunning the notebook, updates the same URL.

        Unpublished figures are published too, named after the dashboard and their place, such as ``"sightings 1-2"``.

        Parameters
        ----------
        name
            Identifies the dashboard within the notebook; None derives it from the title.
        collection
            A permanent place for a dashboard without a notebook; its unpublished figures are published there too.

        Raises
        ------
        NotConnected
            There is no server; the message says what to do. A batch run is only warned, and ``url`` is None.
        FigServeError
            A panel cannot be published; the message names it.
        """
        checked = check_name(name) if name is not None else self._default_name()
        if collection is not None or self._record is None:
            self._collection = None if collection is None else check_collection(collection)
        place = {} if self._collection is None else {"collection": self._collection}
        try:
            self._post(checked, place)
        except NotConnected as error:
            warn_or_raise(error, 3)
            self._offline = error
        return self

    def _post(self, name: str, place: dict[str, str]) -> None:
        connection = get_connection()
        rows = [
            [panel.to_spec(publish_panel(panel, name, self._collection)).as_json() for panel in row]
            for row in self._model.rows
        ]
        body = {"name": name, **place, **self._model.layout.as_json(), "rows": rows}
        self._record = connection.client.post("api/dashboards", body)
        self._connection = connection

    def delete(self) -> None:
        """Delete it from the server, with all its versions and links; its figures stay."""
        self._connected().client.delete(f"api/dashboards/{self.id}")
        self._record = None

    @explain_options({})
    def save(
        self,
        path: str | os.PathLike[str],
        *,
        max_states: int = 500,
        max_bytes: int = 50 * 2**20,
        format: str | None = None,
        progress: bool = True,
    ) -> Path:
        """Export it to a file: ``.html`` that opens from disk, ``.zip`` for a static host, or ``.pdf``.

        Parameters
        ----------
        path
            Its suffix selects the file type.
        max_states
            Images per panel, beyond which the nearest one is shown.
        max_bytes
            Of all images.
        format
            ``"svg"`` or ``"png"``; None for SVG if it is small.
        progress
            Whether to print a bar.

        Returns
        -------
        Path
            The file.
        """
        from .export.save import save_dashboard

        return save_dashboard(
            self._model, path, max_states=max_states, max_bytes=max_bytes, format=format, progress=progress
        )

    def __repr__(self) -> str:
        where = f", version {self.version}: {self.url}" if self._record else ""
        return f'Dashboard "{self.title}"{where}\n{self._model.outline}'

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        key, stills = secrets.token_hex(6), self._stills(self.controls.defaults())
        data, metadata = static_bundle(self._model, repr(self), stills, key, self._href())
        view: Any = make_dashboard_widget(self._model, stills, {}, key, self._href())._repr_mimebundle_()
        view = view[0] if isinstance(view, tuple) else view
        return {**(view or {}), **data}, metadata

    def _ipython_display_(self) -> None:
        """Display the static images and the widget as two outputs; the widget hides the images.

        With a single output, front ends would choose the widget even if no kernel is running: in a reopened notebook,
        and in exports.
        """
        from IPython.display import display

        key, stills = secrets.token_hex(6), self._stills(self.controls.defaults())
        data, metadata = static_bundle(self._model, repr(self), stills, key, self._href())
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        if find_kernel() is not None:
            widget = make_dashboard_widget(self._model, stills, {}, key, self._href())
            display(widget)  # type: ignore[no-untyped-call]

    def _stills(self, values: Mapping[str, Any]) -> dict[str, Still]:
        arguments = {panel.place: self.controls.arguments(panel.place, values) for panel in self.panels}
        return render_stills(self.panels, arguments)

    def _create_link(self, options: dict[str, Any]) -> SharedLink:
        """Publish the dashboard first if necessary."""
        if self._record is None:
            self.publish()
        return super()._create_link(options)

    def _links_api(self) -> tuple[FigServeClient, str]:
        return self._connected().client, f"api/dashboards/{self.id}/links"

    def _published(self) -> dict[str, Any]:
        if self._record is None and self._offline is not None:
            raise NotConnected(f"The dashboard is not published. {self._offline.message}", code=self._offline.code)
        if self._record is None:
            raise Conflict("The dashboard has no URL yet. Call publish() first.", code="not_published")
        return self._record

    def _connected(self) -> Connection:
        self._published()
        assert self._connection is not None
        return self._connection

    def _href(self) -> str | None:
        """Return a link to its page that works on the notebook's page; None before it is published."""
        return link_href(self.url, is_own=self._connected().is_own) if self._record else None

    def _default_name(self) -> str:
        """Return its current name, or a name derived from its title."""
        name = str(self._record["name"]) if self._record else slug(self.title)
        if name is None:
            raise InvalidInput(
                f"No name can be derived from the title {self.title!r:.60}. Pass one with publish(name=…)."
            )
        return name

    def _locked_values(self, lock: Mapping[str, Any]) -> dict[str, Any]:
        locked = {}
        for given, value in lock.items():
            name = normalize_name(given)
            panel = next((panel for panel in self.panels if name in panel.parameters.names), None)
            if panel is None:
                raise InvalidInput(f"No live panel has a parameter {name!r:.60} to lock.", code="unknown_parameter")
            locked.update(panel.object.live_function.signature.from_python({name: value}))
        return locked
