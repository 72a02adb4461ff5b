"""The registry of commands, with their options and help. Any process."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from dataclasses import dataclass

OK, FAILED, USAGE, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141

Run = Callable[[argparse.Namespace], int]
Configure = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True)
class Command:
    """A command.

    Parameters
    ----------
    name
        One word, or a group and a command such as ``"keys create"``.
    configure
        Adds its options to its parser.
    takes_traits
        Whether ``--FigServe.x=y`` is passed to the server's configuration.
    check
        Validates the combination of options; raises ``ValueError`` with a message.
    """

    name: str
    run: Run
    configure: Configure
    examples: tuple[str, ...]
    takes_traits: bool = False
    check: Callable[[argparse.Namespace], None] = lambda _: None

    @property
    def summary(self) -> str:
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.run.__doc__ or "")


ORDER = (
    *("demo", "serve", "worker", "render", "publish", "list", "show", "link", "revoke", "restore", "connect", "mcp"),
    *("keys create", "keys list", "keys revoke", "export", "gc", "reindex", "migrate", "doctor"),
)
"""Order of the commands in the help."""
COMMANDS: dict[str, Command] = {}
GROUPS = {"keys": "Create, list and revoke API keys."}


def command(
    name: str,
    *examples: str,
    options: Configure,
    takes_traits: bool = False,
    check: Callable[[argparse.Namespace], None] = lambda _: None,
) -> Callable[[Run], Run]:
    """Register a function as a command; its docstring is the help, and its ``examples`` must run unchanged."""

    def register(run: Run) -> Run:
        COMMANDS[name] = Command(name, run, options, examples, takes_traits, check)
        return run

    return register
