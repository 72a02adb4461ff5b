"""The command line read: which command, its options, and no secret among them. Any process."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .output import clean
from .registry import COMMANDS, GROUPS, ORDER, Command

_TRAIT = re.compile(r"--[A-Z]\w*(\.\w+)+=.*", re.DOTALL)
_KEY = re.compile(r"fsk_[a-z0-9]{8}_[A-Za-z0-9_-]{16,}")
_LINK = re.compile(r"(^|/)f/[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")
_TOKEN = re.compile(r"[?&]token=[^&]|^--\w+\.(token|password|hashed_password|cookie_secret)=.", re.IGNORECASE)
_PLACES = """\
which server:
  The commands that speak to a server take the one that --server or FIGSERVE_URL names, with the key in
  FIGSERVE_API_KEY or in the file of --key-file; inside a kernel, the kernel's own; else the server that you have
  running on this machine. `jupyter figserve doctor` says what is wrong when none is found.

exit codes:
  0  it is done
  1  it failed, and standard error says why
  2  the command line was not understood
  130 and 141 are an interrupt by Ctrl-C and a reader of the output that went away
"""


class _Parser(argparse.ArgumentParser):
    """Errors name the command whose help says more."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {clean(message, None)}\nTry '{self.prog} --help'.\n")


def parse(argv: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """The command and its options; ends the process with 2 and the usage when it does not understand."""
    parser = make_parser()
    refuse_secrets(parser, argv)
    options, rest = parser.parse_known_args(argv)
    chosen = COMMANDS.get(options.command or "")
    if chosen is None:
        group = next((word for word in argv if word in GROUPS), None)
        (options.parsers[group] if group else parser).print_help(sys.stderr)
        parser.exit(2)
    own: argparse.ArgumentParser = options.parsers[chosen.name]
    unknown = [word for word in rest if not (chosen.takes_traits and _TRAIT.fullmatch(word))]
    if unknown:
        hint = " (a file's name that starts with - goes behind --)" if unknown[0].startswith("-") else ""
        own.error(f"it does not know {unknown[0]!r}{hint}")
    options.traits = rest
    try:
        chosen.check(options)
    except ValueError as error:
        own.error(str(error))
    return chosen, options


def make_parser() -> argparse.ArgumentParser:
    from .. import __version__

    every = [COMMANDS[name].examples[0] for name in ORDER]
    parser = _made(_Parser, prog="jupyter figserve", description="Every figure gets a URL.", examples=every)
    parser.epilog = f"{parser.epilog}\n\n{_PLACES}"
    parser.add_argument("--version", action="version", version=__version__)
    parsers: dict[str, argparse.ArgumentParser] = {}
    parser.set_defaults(command=None, parsers=parsers)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    groups: dict[str, Any] = {}
    for described in (COMMANDS[name] for name in ORDER):
        group, _, word = described.name.rpartition(" ")
        if group and group not in groups:
            parsers[group], groups[group] = _group(commands, group)
        own = _made(
            (groups[group] if group else commands).add_parser,
            word,
            help=described.summary,
            description=described.description,
            examples=described.examples,
        )
        own.set_defaults(command=described.name)
        described.configure(own)
        parsers[described.name] = own
    return parser


def refuse_secrets(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """A command line is open to every user of the machine, and a shell keeps it; the message does not repeat it."""
    for word in argv:
        if _KEY.search(word):
            parser.error(
                "a key is not for the command line, which other users of this machine can read and the shell's history"
                " keeps: put it into FIGSERVE_API_KEY or a file of mode 600 for --key-file, and revoke this one"
            )
        if _LINK.search(word):
            parser.error(
                "a link's URL is its secret, and other users of this machine can read the command line: name the link"
                " by its id, or give the URL on standard input to `jupyter figserve revoke`"
            )
        if _TOKEN.search(word):
            parser.error(
                "a token or password is not for the command line, which other users of this machine can read: for"
                " `serve` set JUPYTER_TOKEN, else put it into FIGSERVE_API_KEY or a file of mode 600 for --key-file"
            )


def _group(commands: Any, name: str) -> tuple[argparse.ArgumentParser, Any]:
    own = [COMMANDS[full] for full in ORDER if full.startswith(f"{name} ")]
    parser = _made(
        commands.add_parser,
        name,
        help=GROUPS[name],
        description=GROUPS[name],
        examples=[described.examples[0] for described in own],
    )
    return parser, parser.add_subparsers(metavar="COMMAND", title="commands")


def _made(
    make: Callable[..., argparse.ArgumentParser], *names: str, examples: Sequence[str], **words: str
) -> argparse.ArgumentParser:
    """No abbreviated options: one that is added later must not change what an old command line means."""
    epilog = "\n".join(["examples:", *(f"  {example}" for example in examples)])
    raw = argparse.RawDescriptionHelpFormatter
    return make(*names, epilog=epilog, formatter_class=raw, allow_abbrev=False, **words)
