"""`jupyter figserve COMMAND`: each command is one function, which imports what it needs when it runs. Any process."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OK, FAILED, USAGE = 0, 1, 2
_TRAIT = re.compile(r"--[A-Z]\w*(\.\w+)+=.*", re.DOTALL)

Command = Callable[[argparse.Namespace], int]


@dataclass(frozen=True)
class Described:
    """A command with what its help says.

    Parameters
    ----------
    configure
        Adds its options to its parser.
    takes_traits
        Whether ``--FigServe.x=y`` is passed on to the server's configuration.
    """

    run: Command
    configure: Callable[[argparse.ArgumentParser], None]
    examples: tuple[str, ...]
    takes_traits: bool

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def summary(self) -> str:
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.run.__doc__ or "")


COMMANDS: dict[str, Described] = {}


def command(
    *examples: str, options: Callable[[argparse.ArgumentParser], None], takes_traits: bool = False
) -> Callable[[Command], Command]:
    """Make a function a command: its name is the command's, its docstring the help, ``examples`` are lines of it."""

    def register(run: Command) -> Command:
        COMMANDS[run.__name__] = Described(run, options, examples, takes_traits)
        return run

    return register


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what was asked, 1 when it failed, 2 when it was not understood."""
    parser = make_parser()
    options, rest = parser.parse_known_args(argv)
    chosen = COMMANDS.get(options.command or "")
    if chosen is None:
        parser.print_help(sys.stderr)
        return USAGE
    unknown = [word for word in rest if not (chosen.takes_traits and _TRAIT.fullmatch(word))]
    if unknown:
        parser.error(f"{chosen.name} does not know {unknown[0]!r}")
    options.traits = rest
    return _guarded(chosen.run, options)


def make_parser() -> argparse.ArgumentParser:
    from . import __version__

    every = [example for described in COMMANDS.values() for example in described.examples[:1]]
    parser = _parser(
        argparse.ArgumentParser, prog="jupyter figserve", description="Every figure gets a URL.", examples=every
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for described in COMMANDS.values():
        own = _parser(
            commands.add_parser,
            described.name,
            help=described.summary,
            description=described.description,
            examples=described.examples,
        )
        described.configure(own)
    return parser


def _parser(
    make: Callable[..., argparse.ArgumentParser], *names: str, examples: Sequence[str], **words: str
) -> argparse.ArgumentParser:
    """No abbreviated options: one that is added later must not change what an old command line means."""
    epilog = "\n".join(["examples:", *(f"  {example}" for example in examples)])
    raw = argparse.RawDescriptionHelpFormatter
    return make(*names, epilog=epilog, formatter_class=raw, allow_abbrev=False, **words)


def _guarded(run: Command, options: argparse.Namespace) -> int:
    """What the world did wrong is one sentence for the person at the terminal, not a traceback."""
    from .errors import FigServeError

    try:
        return run(options)
    except (FigServeError, OSError) as error:
        print(f"jupyter figserve {options.command}: {error}", file=sys.stderr)
        return FAILED


def _data_dir_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="where figures are kept (default: figserve in Jupyter's data directory)",
    )


def _serve_options(parser: argparse.ArgumentParser) -> None:
    _data_dir_option(parser)
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one")
    parser.add_argument("--ip", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument(
        "--ready-fd", type=int, metavar="FD", help="write a line of JSON to this file descriptor when it serves"
    )
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input is closed")


@command(
    "jupyter figserve serve --port 8765",
    "jupyter figserve serve --ip 0.0.0.0 --FigServe.public_url=https://figures.example.org/",
    options=_serve_options,
    takes_traits=True,
)
def serve(options: argparse.Namespace) -> int:
    """Serve figures without notebooks: a server of its own for scripts, consoles and other programs.

    Any setting can follow as --FigServe.NAME=VALUE or --ServerApp.NAME=VALUE.
    """
    from .server.host import FigServeHost

    FigServeHost.launch_instance(argv=host_arguments(options))
    return OK


def host_arguments(options: argparse.Namespace) -> list[str]:
    """The command line of the host, from that of ``serve``; the user's own settings come last and win."""
    traits = {
        "ServerApp.ip": options.ip,
        "ServerApp.port": options.port,
        "FigServe.data_dir": options.data_dir and options.data_dir.absolute(),
        "FigServeHost.ready_fd": options.ready_fd,
        "FigServeHost.exit_with_stdin": options.exit_with_stdin or None,
    }
    own = [f"--{name}={value}" for name, value in traits.items() if value is not None]
    return [*own, *options.traits]


@command("jupyter figserve gc", "jupyter figserve gc --data-dir /srv/figures", options=_data_dir_option)
def gc(options: argparse.Namespace) -> int:
    """Remove what is kept no longer: expired plots and pictures that nothing refers to; servers may be running."""
    from .store.maintenance import clean

    with _progress("of 256 parts looked through") as tell:
        removed = clean(_find_data_dir(options), tell)
    print(f"Removed: {removed}")
    return OK


@command("jupyter figserve reindex", "jupyter figserve reindex --data-dir /srv/figures", options=_data_dir_option)
def reindex(options: argparse.Namespace) -> int:
    """Rebuild a lost or damaged catalog from the files beside the figures, with the servers stopped."""
    from .store.maintenance import reindex

    with _progress("figures read") as tell:
        done = reindex(_find_data_dir(options), tell)
    print(f"Restored: {done.figures:,} figures, {done.versions:,} versions, {done.links:,} links")
    for lost in done.unreadable:
        print(f"Not readable: {lost}", file=sys.stderr)
    for figure in done.incomplete:
        print(f"Pictures are missing of the figure {figure}", file=sys.stderr)
    for figure in done.doubled:
        print(f"Left out, as another figure has its name and notebook: {figure}", file=sys.stderr)
    return FAILED if done.unreadable or done.incomplete else OK


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exit", action="store_true", help="end after checking the pages, with 0 when all answered")
    parser.add_argument("--port", type=int, help="port of the Jupyter server (default: a free one)")


@command("jupyter figserve demo", "jupyter figserve demo --exit", options=_demo_options)
def demo(options: argparse.Namespace) -> int:
    """Show it all on this machine: a Jupyter server, a figure that a kernel draws, and its link."""
    from .demo import run

    return run(port=options.port, serve_on=not options.exit)


def _find_data_dir(options: argparse.Namespace) -> Path:
    """The directory that is meant, which must be there: a slip of the pen must not make a new one."""
    from .errors import NotFound

    directory = options.data_dir
    if directory is None:
        from jupyter_core.paths import jupyter_data_dir

        directory = Path(jupyter_data_dir()) / "figserve"
    if not directory.is_dir():
        raise NotFound(f"There are no figures in {directory}; name their directory with --data-dir.")
    return Path(directory)


@contextlib.contextmanager
def _progress(what: str) -> Iterator[Callable[[int], None]]:
    """A counter on standard error, for a person who waits; nothing where nobody looks."""
    is_seen = sys.stderr.isatty()

    def tell(done: int) -> None:
        if is_seen:
            print(f"\r{done:,} {what}", end="", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        if is_seen:
            print(file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
