"""What a command is: what it runs, its options, what its help says. Any process."""

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
    """A command with what its help says.

    Parameters
    ----------
    name
        One word, or two for one of a group: ``"keys create"``.
    configure
        Adds its options to its parser.
    takes_traits
        Whether ``--FigServe.x=y`` is passed on to the server's configuration.
    check
        Looks at options together; raises ``ValueError`` with a sentence when they make no sense.
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
    *("demo", "serve", "publish", "list", "show", "link", "revoke"),
    *("keys create", "keys list", "keys revoke", "export", "gc", "reindex", "doctor"),
)
"""Of the help, most wanted first."""
COMMANDS: dict[str, Command] = {}
GROUPS = {"keys": "Make, list and revoke the keys of programs."}


def command(
    name: str,
    *examples: str,
    options: Configure,
    takes_traits: bool = False,
    check: Callable[[argparse.Namespace], None] = lambda _: None,
) -> Callable[[Run], Run]:
    """Make a function a command: its docstring is the help, ``examples`` are lines of it that run as they stand."""

    def register(run: Run) -> Run:
        COMMANDS[name] = Command(name, run, options, examples, takes_traits, check)
        return run

    return register
