"""An extension whose failed start is one sentence in the log, and which stops after it. Server process."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import TraitError

from ..errors import FigServeError
from .services.addresses import prefix_of
from .web.routes import match_all
from .web.system.unavailable import UnavailableHandler

_OF_TRAIT = re.compile(r"'(\w+)' trait of an? ")
STOP_SECONDS = 10.0
"""Time that one service has to end its work before the server stops without it."""


class GuardedStart(ExtensionApp):
    """Base class of the extension.

    Jupyter answers an invalid setting by dropping all settings of the extension, and a failed start with a traceback
    and with an error in ``stop_extension`` that keeps the server from ending.
    """

    _wrong_setting: str | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._closers: list[Callable[[], Any]] = []

    def start_services(self) -> None:
        """Start the services; what has to be closed is registered with ``on_stop`` as soon as it exists."""
        raise NotImplementedError

    def on_stop(self, *close: Callable[[], Any]) -> None:
        """Register functions or coroutine functions that end a service; the last registered is called first."""
        self._closers.extend(close)

    def _link_jupyter_server_extension(self, serverapp: Any) -> None:
        """Remember an invalid setting: Jupyter would log it, drop the valid ones too, and load us with defaults."""
        try:
            super()._link_jupyter_server_extension(serverapp)
        except (Exception, SystemExit) as error:
            # traitlets ends the process for a wrong value in a file of ours.
            self._wrong_setting = self._explain(_sentence(error))

    def _explain(self, message: str) -> str:
        """Add what the setting is for, and its default, to a message of traitlets, which only has types."""
        found = _OF_TRAIT.search(message)
        trait = self.traits(config=True).get(found[1]) if found else None
        if found is None or trait is None or not trait.help:
            return message
        purpose = trait.help.partition(". ")[0].rstrip(".")
        return f"{message} About {found[1]}: {purpose}. Its default is {trait.default_value_repr()}."

    def initialize(self) -> None:  # type: ignore[override]
        """Start, or log the reason; without the extension, Jupyter continues, and a standalone server ends.

        Raises
        ------
        FigServeError
            With ``ServerApp.reraise_server_extension_failures``, as the standalone server has it.
        """
        try:
            if self._wrong_setting is not None:
                raise FigServeError(f"a FigServe setting is invalid: {self._wrong_setting}", code="wrong_setting")
            self._check_numbers()
            super().initialize()  # type: ignore[no-untyped-call]
        except Exception as error:
            self._abandon(error)

    def initialize_settings(self) -> None:
        self.start_services()

    def _check_numbers(self) -> None:
        """Raise an error for a NaN, which is beyond no limit of a trait, and as a timeout disturbs all other timers."""
        for name, value in self.trait_values(config=True).items():
            if isinstance(value, float) and math.isnan(value):
                raise FigServeError(
                    f"a FigServe setting is invalid: {name} is nan. Give it a number.", code="wrong_setting"
                )

    async def stop_extension(self) -> None:
        """End the services; one that fails or does not end is logged, and the others and the server still end."""
        closers, self._closers = self._closers[::-1], []
        for close in closers:
            try:
                done = close()
                if inspect.isawaitable(done):
                    await asyncio.wait_for(_finish(done), STOP_SECONDS)
            except TimeoutError:
                self.log.warning("jupyter_figserve stopped without waiting for %s.", close.__qualname__)
            except Exception as error:
                self.log.warning("jupyter_figserve could not end %s: %s", close.__qualname__, _sentence(error))

    def _abandon(self, error: Exception) -> None:
        assert self.serverapp is not None
        message = f"jupyter_figserve is switched off, because {_sentence(error)} Correct it and restart the server."
        self.log.debug("The start of jupyter_figserve failed", exc_info=error)
        self._close_now()
        if self.serverapp.reraise_server_extension_failures:
            raise FigServeError(message, code="not_started") from error
        self.log.error(message)
        web_app: Any = self.serverapp.web_app
        everything = url_path_join(web_app.settings["base_url"], match_all(prefix_of(self.serverapp)))
        web_app.add_handlers(".*$", [(everything, UnavailableHandler)])

    def _close_now(self) -> None:
        """End what was started, without an event loop: no service has begun asynchronous work yet."""
        closers, self._closers = self._closers[::-1], []
        for close in closers:
            if inspect.iscoroutinefunction(close):
                continue
            try:
                close()
            except Exception as error:
                self.log.log(logging.DEBUG, "Could not end %s: %s", close, error)


async def _finish(awaitable: Awaitable[Any]) -> None:
    await awaitable


def _sentence(error: BaseException) -> str:
    """Return an exception's message as the end of a sentence, in one line."""
    if isinstance(error, SystemExit) and error.__context__ is not None:
        error = error.__context__
    if isinstance(error, FigServeError | TraitError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = f"{type(error).__name__}: {error}"
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
