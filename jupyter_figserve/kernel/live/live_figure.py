"""``@figserve.live``: a function of the notebook that answers at a URL, and is still the function. Kernel."""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any, overload

from ...errors import Conflict, FigServeError, InvalidInput, NotConnected
from ...model.figures import check_name
from ...model.formats import get_format
from ...model.links import DEFAULT_LINK_LIFE
from ...model.parameters import SIZES, Parameters
from ...model.times import parse_duration
from ...plotting.signatures import read_signature
from ..client.connection import HOW_TO_CONNECT
from ..figures.shared_link import SharedLink
from .agent import flush_after_cell, start_agent
from .control_channel import install_handler
from .detach import send_function
from .registry import LiveFunction, worker

_ANSWER_SECONDS = 10.0
_MAX_FROZEN = 500


class LiveFigure:
    """A live figure. Calling it calls the function; ``url`` is where anybody logged in finds it."""

    def __init__(self, offer: LiveFunction, fixed: Mapping[str, Any] | None = None) -> None:
        self._offer = offer
        self._fixed = dict(fixed or {})
        functools.update_wrapper(self, offer.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself, in this thread; what is bound or abbreviated is filled in."""
        signature = inspect.signature(self._offer.function)
        given = signature.bind_partial(*args, **kwargs).arguments
        more = {**self._offer.signature.defaults(), **self._offer.signature.to_python(self._fixed)}
        return self._offer.function(*args, **kwargs, **{k: v for k, v in more.items() if k not in given})

    @property
    def name(self) -> str:
        return self._offer.name

    @property
    def parameters(self) -> Parameters:
        return self._offer.signature.parameters

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return self._offer.description

    @property
    def fixed(self) -> dict[str, Any]:
        """JSON values of the parameters that ``bind`` has fixed."""
        return dict(self._fixed)

    @property
    def offer(self) -> LiveFunction:
        """The function as this kernel answers for it."""
        return self._offer

    @property
    def id(self) -> str:
        """Its lasting id, the same in every kernel of this notebook."""
        return self._address()["id"]

    def bind(self, **values: Any) -> LiveFigure:
        """The same live figure with these parameters fixed.

        Raises
        ------
        InvalidInput
            For what it has no parameter for, or does not allow.
        """
        return LiveFigure(self._offer, self._fixed | self._offer.signature.from_python(values))

    def url(self, **values: Any) -> str:
        """URL of its page, with controls; for those who may log in. ``share()`` makes a link for others."""
        return self._with_query(self._address()["url"], values)

    def lasting_url(self, **values: Any) -> str:
        """The same for whichever kernel of this notebook offers it; without one, its last picture."""
        return self._with_query(self._address()["lasting_url"], values)

    def image_url(self, format: str = "png", /, **values: Any) -> str:
        """URL of the picture alone, drawn anew for each request; also ``width``, ``height`` and ``dpi``."""
        return self._with_query(f"{self._address()['url']}.{get_format(format).name}", values)

    def share(
        self,
        expires: str | float = DEFAULT_LINK_LIFE,
        *,
        lock: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
        label: str | None = None,
    ) -> SharedLink:
        """Make a link for people without an account.

        Parameters
        ----------
        expires
            ``"12h"``, ``"30d"``, a time in RFC 3339, seconds, or ``"never"``.
        lock
            Values that it always shows; what is neither locked nor allowed has its default.
        allow
            Names of the parameters that its viewers may move, within their bounds.
        label
            A note for yourself, to know the link by in lists.
        """
        if isinstance(allow, str):
            raise InvalidInput(f"Give allow as a list of names, such as [{allow!r:.60}].")
        wanted = {
            "expires": expires,
            "lock": self._fixed | self._offer.signature.from_python(lock or {}),
            "allow": list(allow),
            "label": label,
        }
        client = self._client()
        return SharedLink(client.post(f"api/live/{self.id}/links", wanted), client, self.name)

    def freeze(self, *, format: str = "png", **values: Iterable[Any]) -> int:
        """Draw it now for each combination of these values, to be shown when no kernel offers it; how many.

        Raises
        ------
        InvalidInput
            For more than 500 combinations.
        """
        grid = self._grid(values)
        body = {"format": get_format(format).name, "calls": grid}
        return int(self._client().post(f"api/live/{self.id}/frozen", body)["frozen"])

    def detach(self) -> LiveFigure:
        """Keep the function with what it closes over, to answer in the server's sandbox when no kernel does.

        Raises
        ------
        InvalidInput, TooLarge
            For what cannot be pickled or takes too much room, by name.
        Conflict, OutputInvalid, SandboxUnavailable
            When the sandbox cannot run it: naming the versions that do not fit, or what failed.
        """
        send_function(self._client(), self.id, self._offer)
        return self

    @property
    def is_detached(self) -> bool:
        """Whether the server's sandbox can answer as well; False without a server."""
        try:
            return bool(self._client().get(f"live/f/{self.id}.json")["detached"])
        except FigServeError:
            return False

    def fetch_detached(self, values: Mapping[str, Any], format: str, dpi: float | None = None) -> bytes:
        """A picture for these JSON values from the sandbox, where the function there is the one here; by any thread.

        Raises
        ------
        FigServeError
            With the function's own message, or what the server says.
        """
        known = self.parameters
        query = {item.name: item.write(values[item.name]) for item in known.items if item.name in values}
        more = {} if dpi is None or "dpi" in known.names else {"dpi": f"{dpi:g}"}
        path = f"live/f/{self.id}.{get_format(format).name}"
        return bytes(self._client().get_bytes(path, **query, **more, _detached=self._offer.revision))

    def undetach(self) -> None:
        """Have it answered by kernels alone again."""
        self._client().delete(f"api/live/{self.id}/source")

    def __reduce__(self) -> Any:
        """Another function that is detached takes this one along as what it is when called."""
        more = {**self._offer.signature.defaults(), **self._offer.signature.to_python(self._fixed)}
        return functools.partial(self._offer.function, **more).__reduce__()

    def widget(self, **values: Any) -> Any:
        """The figure with its controls as a widget; ``params`` is its trait to observe."""
        from .widget import make_widget

        return make_widget(self, self._fixed | self._offer.signature.from_python(values))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._fixed.items())
        return f'<live figure "{self.name}"{f" with {shown}" if shown else ""}>'

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        try:
            url = self.url()
        except NotConnected:
            return {"text/plain": repr(self)}
        words = f"Live figure {escape(self.name)}"
        html = f'<a href="{escape(url)}" target="_blank" rel="noopener">{words}</a>'
        return {"text/plain": f"{self!r} at {url}", "text/html": html}

    def _address(self) -> dict[str, str]:
        agent = start_agent()
        if agent is None:
            raise NotConnected(
                f'"{self.name}" can be called here, but has no URL: only a kernel that a figserve server started'
                f" answers live. {HOW_TO_CONNECT}"
            )
        if worker.find(self.name) is None:
            raise Conflict(f'"{self.name}" is no live figure any more; run its cell again.')
        return agent.address_of(self.name, _ANSWER_SECONDS)

    def _client(self) -> Any:
        self._address()
        agent = start_agent()
        assert agent is not None
        return agent.connection.client

    def _with_query(self, url: str, values: dict[str, Any]) -> str:
        own = self._offer.signature.sizes
        sizes = {name: value for name, value in values.items() if name in SIZES and name not in own}
        checked = self._offer.signature.from_python({k: v for k, v in values.items() if k not in sizes})
        query = self.parameters.query(self._fixed | checked)
        parts = [query, *(f"{name}={value:g}" for name, value in sizes.items())]
        text = "&".join(part for part in parts if part)
        return f"{url}?{text}" if text else url

    def _grid(self, values: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
        grid: list[dict[str, Any]] = [dict(self._fixed)]
        for name, several in values.items():
            if isinstance(several, str) or not isinstance(several, Iterable):
                raise InvalidInput(f"Give the values of {name} to freeze as a list.")
            said = [self._offer.signature.from_python({name: one}) for one in several]
            grid = [row | one for one in said for row in grid]
            if len(grid) > _MAX_FROZEN:
                raise InvalidInput(f"These are {len(grid):,} pictures; {_MAX_FROZEN} are the most to freeze at once.")
        return grid


@overload
def live(function: Callable[..., Any], /) -> LiveFigure: ...


@overload
def live(
    *,
    name: str | None = None,
    cache: str | float = "0s",
    timeout: str | float = "20s",
    data_version: Any = None,
    detach: bool = False,
) -> Callable[[Callable[..., Any]], LiveFigure]: ...


def live(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    cache: str | float = "0s",
    timeout: str | float = "20s",
    data_version: Any = None,
    detach: bool = False,
) -> Any:
    """Give a function a URL whose query are its parameters: each request calls it, also while a cell runs.

    Parameters
    ----------
    name
        Tells the live figures of a notebook apart; None is the function's own name.
    cache
        How long an answer may be given again, such as ``"30s"``; by default each request calls.
    timeout
        How long a viewer waits before the last good picture, or the news that it takes too long.
    data_version
        A value, or a function without parameters, that changes when pictures must be drawn anew. With it, a picture
        that is there already is not drawn again. Once the function is detached and its kernel gone, it is not asked:
        the data is then what the function closes over, which does not change.
    detach
        Answer also when the kernel is gone, as ``detach()`` does: with what is defined by now.
    """
    names = _locals_of_caller()

    def declare(function: Callable[..., Any]) -> LiveFigure:
        function = function._offer.function if isinstance(function, LiveFigure) else function
        if not callable(function):
            raise InvalidInput("@figserve.live goes above a function.")
        called = _check_live_name(name if name is not None else getattr(function, "__name__", None))
        times = _seconds(cache), parse_duration(timeout)
        figure = LiveFigure(LiveFunction(called, function, read_signature(function, names), *times, data_version))
        _offer(figure._offer)
        if detach:
            _detach_where_it_can(figure)
        return figure

    return declare if function is None else declare(function)


def _detach_where_it_can(figure: LiveFigure) -> None:
    """Where a function has no URL, none has to outlive anything; a notebook is also run without a server."""
    try:
        figure.detach()
    except NotConnected as error:
        warnings.warn(f'"{figure.name}" is not detached: {error.message}', stacklevel=3)


def _offer(offer: LiveFunction) -> None:
    """Have this kernel answer for it, and tell the server."""
    worker.offer(offer)
    _make_mathtext_safe()
    install_handler()
    agent = start_agent()
    if agent is not None:
        agent.announce()
        flush_after_cell()


def _check_live_name(name: object) -> str:
    called = check_name(name)
    if "." in called:
        raise InvalidInput(f"{called!r} has a dot, after which an address has the format; name it without.")
    return called


def _locals_of_caller() -> dict[str, Any]:
    """What annotations of a function inside a function may name."""
    return dict(sys._getframe(2).f_locals)


def _make_mathtext_safe() -> None:
    from ...plotting.isolation import install_mathtext_lock

    install_mathtext_lock()


def _seconds(duration: str | float) -> float:
    return 0.0 if duration in ("0s", 0, "0") else parse_duration(duration)
