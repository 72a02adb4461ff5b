"""Parses the command line; rejects secrets in it. Any process."""

from __future__ import annotations

import argparse
import difflib
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
_UNKNOWN_COMMAND = re.compile(r"argument COMMAND: invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)
"""What argparse says of a word that is no command."""
_MAX_COUNT = 1_000
_SERVER_HELP = """\
server:
  Commands use the server of --server or FIGSERVE_URL, with the key in FIGSERVE_API_KEY or in the file of --key-file;
  inside a kernel, the kernel's own server; otherwise your server that is running on this machine, else the one of
  `jupyter figserve connect`. If none is found, `jupyter figserve doctor` explains why.

exit codes:
  0    success
  1    failure; standard error has the reason
  2    invalid command line
  130  interrupted with Ctrl-C
  141  the reader of the output has closed it
"""


def parse_count(text: str) -> int:
    """Parse the number of an option."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MAX_COUNT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MAX_COUNT:,}")
    return int(text)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors point to the help of the command."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        message = _UNKNOWN_COMMAND.sub(_suggest_command, message)
        self.exit(2, f"{self.prog}: {clean(message, None)}\nTry '{self.prog} --help'.\n")


def _suggest_command(found: re.Match[str]) -> str:
    """Return a message about a word that is no command, with the closest command if there is one."""
    close = difflib.get_close_matches(found[1], re.findall(r"[\w-]+", found[2]), n=1)
    return f"Unknown command {found[1]!r}." + (f" Did you mean {close[0]}?" if close else "")


def parse(argv: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Return the command and its options; exit with status 2 and the usage if the command line is invalid."""
    parser = make_parser()
    _refuse_secrets(parser, argv)
    options, rest = parser.parse_known_args(argv)
    chosen = COMMANDS.get(options.command or "")
    if chosen is None:
        group = next((word for word in argv if word in GROUPS), None)
        (options.parsers[group] if group else parser).print_help(sys.stderr)
        parser.exit(2)
    own: argparse.ArgumentParser = options.parsers[chosen.name]
    unknown = [word for word in rest if not (chosen.takes_traits and _TRAIT.fullmatch(word))]
    if unknown:
        own.error(_unknown_message(own, unknown[0]))
    options.traits = rest
    try:
        chosen.check(options)
    except ValueError as error:
        own.error(str(error))
    return chosen, options


def _unknown_message(parser: argparse.ArgumentParser, word: str) -> str:
    """Return a message about an unknown argument, with the closest option if there is one."""
    if not word.startswith("-"):
        return f"Unexpected argument {word!r}."
    name = word.partition("=")[0]
    options = [option for action in parser._actions for option in action.option_strings]
    close = difflib.get_close_matches(name, options, n=1, cutoff=0.7)
    if close:
        return f"Unknown option {name}. Did you mean {close[0]}?"
    takes_files = any(action.dest == "files" for action in parser._actions)
    return f"Unknown option {name}." + (" Put -- before file names that start with a hyphen." if takes_files else "")


def make_parser() -> argparse.ArgumentParser:
    from .. import __version__

    every = [COMMANDS[name].examples[0] for name in ORDER]
    parser = _create_parser(_Parser, prog="jupyter figserve", description="Every figure gets a URL.", examples=every)
    parser.epilog = f"{parser.epilog}\n\n{_SERVER_HELP}"
    parser.add_argument("--version", action="version", version=__version__)
    parsers: dict[str, argparse.ArgumentParser] = {}
    parser.set_defaults(command=None, parsers=parsers)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    groups: dict[str, Any] = {}
    for described in (COMMANDS[name] for name in ORDER):
        group, _, word = described.name.rpartition(" ")
        if group and group not in groups:
            parsers[group], groups[group] = _group(commands, group)
        own = _create_parser(
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


def _refuse_secrets(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Reject secrets: other users can read the command line, and shells keep it. The message does not repeat them."""
    for word in argv:
        if _KEY.search(word):
            parser.error(
                "Do not pass a key on the command line: other users of this machine can read it, and it stays in the"
                " shell's history. Use FIGSERVE_API_KEY or --key-file with a file of mode 600, and revoke this key."
            )
        if _LINK.search(word):
            parser.error(
                "Do not pass the URL of a link on the command line: it is secret, and other users of this machine can"
                " read it. Use the link's id, or pass the URL to `jupyter figserve revoke` on standard input."
            )
        if _TOKEN.search(word):
            parser.error(
                "Do not pass a token or password on the command line: other users of this machine can read it. Set"
                " JUPYTER_TOKEN for `serve`; otherwise use FIGSERVE_API_KEY or --key-file with a file of mode 600."
            )


def _group(commands: Any, name: str) -> tuple[argparse.ArgumentParser, Any]:
    own = [COMMANDS[full] for full in ORDER if full.startswith(f"{name} ")]
    parser = _create_parser(
        commands.add_parser,
        name,
        help=GROUPS[name],
        description=GROUPS[name],
        examples=[described.examples[0] for described in own],
    )
    return parser, parser.add_subparsers(metavar="COMMAND", title="commands")


def _create_parser(
    make: Callable[..., argparse.ArgumentParser], *names: str, examples: Sequence[str], **texts: str
) -> argparse.ArgumentParser:
    """Create a parser without abbreviated options, so that a new option cannot change the meaning of a command line."""
    epilog = "\n".join(["examples:", *(f"  {example}" for example in examples)])
    raw = argparse.RawDescriptionHelpFormatter
    return make(*names, epilog=epilog, formatter_class=raw, allow_abbrev=False, **texts)
