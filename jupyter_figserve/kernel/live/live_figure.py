"""A live figure: a function of the notebook that has a URL and can still be called. Kernel."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...errors import FigServeError, NotConnected
from ...model.formats import get_format, get_live_format
from ...model.live import RECORD_PARAMETER
from ...model.parameters import SIZES, Parameters
from ...model.snippets import write_size
from ..agent.agent import Agent, start_agent
from ..client.client import FigServeClient
from ..figures.sharing import ShareableWithParameters
from .cell_display import display_live, make_bundle
from .combinations import combine
from .detach import send_function
from .registry import LiveFunction, live_functions, not_callable, not_live

_ADDRESS_TIMEOUT = 10.0


class LiveFigure(ShareableWithParameters):
    """A live figure. Calling it calls the function; its ``url()`` requires a login."""

    def __init__(self, live_function: LiveFunction, fixed: Mapping[str, Any] | None = None) -> None:
        self._function = live_function
        self._fixed = dict(fixed or {})
        functools.update_wrapper(self, live_function.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function in this thread, with bound and default values filled in."""
        signature = inspect.signature(self._function.function)
        given = signature.bind_partial(*args, **kwargs).arguments
        return self._function.function(*args, **kwargs, **{k: v for k, v in self._values().items() if k not in given})

    @property
    def name(self) -> str:
        """Name, which identifies the live figure within its notebook."""
        return self._function.name

    @property
    def parameters(self) -> Parameters:
        """The parameters of the URL, with types, bounds and defaults."""
        return self._function.signature.parameters

    @property
    def description(self) -> str:
        """First line of the function's docstring."""
        return self._function.description

    @property
    def fixed(self) -> dict[str, Any]:
        """JSON values of the parameters that ``bind`` has fixed."""
        return dict(self._fixed)

    @property
    def live_function(self) -> LiveFunction:
        """The function that this kernel registered."""
        return self._function

    @property
    def id(self) -> str:
        """Permanent id, the same in every kernel of this notebook."""
        return self._address()["id"]

    def bind(self, **values: Any) -> LiveFigure:
        """Return the same live figure with these parameters fixed.

        Parameters
        ----------
        **values
            The values by name.

        Returns
        -------
        LiveFigure
            Its pages, widgets and panels have no control for them.

        Raises
        ------
        InvalidInput
            A parameter does not exist, or does not allow the value.
        """
        return LiveFigure(self._function, self._fixed | self._from_python(values))

    def url(self, **values: Any) -> str:
        """Return the URL of its page with controls, which requires a login; ``share()`` makes a link that does not.

        Parameters
        ----------
        **values
            Values of the parameters by name; the others have their defaults.
        """
        return self._with_query(self._address()["url"], values)

    def lasting_url(self, **values: Any) -> str:
        """Return a URL that works in any kernel of this notebook; without a kernel, it shows the last image.

        Parameters
        ----------
        **values
            Values of the parameters by name; the others have their defaults.
        """
        return self._with_query(self._address()["lasting_url"], values)

    def image_url(self, format: str = "png", /, **values: Any) -> str:
        """Return the URL of the image, or of the data as json or csv.

        Parameters
        ----------
        format
            Name of the format, such as ``"png"``, ``"svg"``, ``"html"``, ``"json"`` or ``"csv"``.
        **values
            Values of the parameters by name; also ``width``, ``height`` (pixels) and ``dpi``, if none has this name.
        """
        return self._with_query(f"{self._address()['url']}.{get_live_format(format).name}", values)

    def refresh(self) -> None:
        """Have every open page, panel, widget and link page refresh its image, since the data has changed.

        Without a server, only widgets are redrawn.

        Raises
        ------
        Conflict
            The figure is no longer live.
        """
        from .widget import redraw_widgets

        if not live_functions.refresh(self.name):
            raise not_live(self.name)
        agent = start_agent()
        if agent is not None:
            agent.announce()
        redraw_widgets(self.name)

    def freeze(self, *, format: str | None = None, **values: Iterable[Any]) -> int:
        """Render each combination of these values now, to show when no kernel is running; return their number.

        Parameters
        ----------
        format
            The only format to render; None for PNG and SVG, HTML, or JSON and CSV, depending on the function's result.
        **values
            For each parameter, a list of its values.

        Raises
        ------
        InvalidInput
            There are more than 500 combinations.
        """
        checked = None if format is None else get_live_format(format).name
        body = {"format": checked, "calls": combine(values, self._fixed, self._from_python)}
        return int(self._client().post(f"api/live/{self.id}/frozen", body)["frozen"])

    def detach(self) -> LiveFigure:
        """Store the function and its data on the server, whose sandbox runs it when no kernel does; return this figure.

        Raises
        ------
        InvalidInput, TooLarge
            The function cannot be pickled, or is too large; the message names the variable.
        Conflict, OutputInvalid, SandboxUnavailable
            The sandbox cannot run it: library versions differ, or the function fails there.
        """
        send_function(self._client(), self.id, self._function)
        return self

    @property
    def is_detached(self) -> bool:
        """Whether the server's sandbox can run the function; False without a server."""
        try:
            return bool(self._client().get(f"live/f/{self.id}.json", **{RECORD_PARAMETER: 1})["detached"])
        except FigServeError:
            return False

    def fetch_detached(self, values: Mapping[str, Any], format: str, dpi: float | None = None) -> bytes:
        """Fetch an image for these JSON values from the sandbox, if it has this version of the function; thread-safe.

        Raises
        ------
        FigServeError
            The function fails, or the server cannot run it.
        """
        known = self.parameters
        query = {item.name: item.write(values[item.name]) for item in known.items if item.name in values}
        size = {} if dpi is None or "dpi" in known.names else {"dpi": write_size("dpi", dpi)}
        path = f"live/f/{self.id}.{get_format(format).name}"
        return bytes(self._client().get_bytes(path, **query, **size, _detached=self._function.revision))

    def undetach(self) -> None:
        """Delete the stored function; only kernels run it again."""
        self._client().delete(f"api/live/{self.id}/source")

    def delete(self) -> None:
        """Delete it from the server with its links and stored function; ``restore()`` brings them back.

        The function can still be called here, and running its cell again makes a new live figure.
        """
        self._client().delete(f"api/live/{self.id}")

    def restore(self) -> None:
        """Undo a deletion, within ``FigServe.keep_deleted``.

        Raises
        ------
        NotFound, Conflict
            It is too late, or the cell has run again and made another live figure of this name.
        """
        self._client().post(f"api/live/{self.id}/restore", {})

    def __reduce__(self) -> Any:
        """Pickle as the plain function, for another detached function that calls this one."""
        return functools.partial(self._function.function, **self._values()).__reduce__()

    def widget(self, **values: Any) -> Any:
        """Return a widget with the figure and its controls; observe its ``params`` trait.

        Parameters
        ----------
        **values
            Values of the parameters by name; the others have their defaults.
        """
        from .widget import make_widget

        initial = self._fixed | self._from_python(values)
        return make_widget(self.name, self.parameters, self.server_path(), self.declaration_state(), initial)

    def server_path(self) -> str:
        """Return the path of its page, since the notebook's page may know the server by another host; else ``""``."""
        try:
            return urlsplit(self.url()).path
        except NotConnected:
            return ""

    def declaration_state(self) -> dict[str, Any]:
        """Return what a page knows of the function: by revision and schema, it detects a redefinition."""
        function, schema = self._function, self.parameters.schema()
        return {"revision": function.revision, "schema": schema, "refresh": function.refresh, "form": function.form}

    def __repr__(self) -> str:
        bound = ", ".join(f"{name}={value!r}" for name, value in self._fixed.items())
        return f'<live figure "{self.name}"{f" with {bound}" if bound else ""}>'

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        try:
            url = self.url()
        except NotConnected:
            return {"text/plain": repr(self)}
        return make_bundle(self.name, repr(self), url)

    def _ipython_display_(self) -> None:
        display_live(self._repr_mimebundle_(), self.widget)

    def _agent(self) -> Agent:
        agent = start_agent()
        if agent is None:
            raise not_callable(self.name)
        if live_functions.find(self.name) is None:
            raise not_live(self.name)
        return agent

    def _address(self) -> dict[str, str]:
        return self._agent().address_of(self.name, _ADDRESS_TIMEOUT)

    def _client(self) -> FigServeClient:
        agent = self._agent()
        agent.address_of(self.name, _ADDRESS_TIMEOUT)
        return agent.connection.client

    def _links_api(self) -> tuple[FigServeClient, str]:
        return self._client(), f"api/live/{self.id}/links"

    def _locked_values(self, lock: Mapping[str, Any]) -> dict[str, Any]:
        return self._fixed | self._from_python(lock)

    def _values(self) -> dict[str, Any]:
        """Return the Python values of the parameters with a default or a bound value."""
        signature = self._function.signature
        return {**signature.defaults(), **signature.to_python(self._fixed)}

    def _from_python(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._function.signature.from_python(dict(values))

    def _with_query(self, url: str, values: dict[str, Any]) -> str:
        declared = self._function.signature.sizes
        sizes = {name: value for name, value in values.items() if name in SIZES and name not in declared}
        checked = self._from_python({k: v for k, v in values.items() if k not in sizes})
        query = self.parameters.query(self._fixed | checked)
        text = "&".join(part for part in (query, *(f"{n}={write_size(n, v)}" for n, v in sizes.items())) if part)
        return f"{url}?{text}" if text else url
