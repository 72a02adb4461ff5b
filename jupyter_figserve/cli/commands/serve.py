"""`demo` and `serve`: servers of one's own. A process of its own."""

from __future__ import annotations

import argparse

from ..registry import OK, command
from .maintain import data_dir_option


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exit", action="store_true", help="end after checking the pages, with 0 when all answered")
    parser.add_argument("--port", type=int, help="port of the Jupyter server (default: a free one)")


@command("demo", "jupyter figserve demo", "jupyter figserve demo --exit", options=_demo_options)
def demo(options: argparse.Namespace) -> int:
    """Show it all on this machine: a Jupyter server, a figure that a kernel draws, and its link."""
    from ...demo import run

    return run(port=options.port, serve_on=not options.exit)


def _serve_options(parser: argparse.ArgumentParser) -> None:
    data_dir_option(parser)
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one")
    parser.add_argument("--ip", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument(
        "--ready-fd", type=int, metavar="FD", help="write a line of JSON to this file descriptor when it serves"
    )
    parser.add_argument(
        "--render-only", action="store_true", help="render posted code and nothing else: no figure is kept or shown"
    )
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input is closed")


@command(
    "serve",
    "jupyter figserve serve --port 8765",
    "jupyter figserve serve --render-only --ip 0.0.0.0 --port 8765",
    "jupyter figserve serve --ip 0.0.0.0 --FigServe.public_url=https://figures.example.org/",
    options=_serve_options,
    takes_traits=True,
)
def serve(options: argparse.Namespace) -> int:
    """Serve figures without notebooks: a server of its own for scripts, consoles and other programs.

    Any setting can follow as --FigServe.NAME=VALUE or --ServerApp.NAME=VALUE. The token of its login is in
    JUPYTER_TOKEN or made anew; `jupyter figserve keys create` beside it makes keys for programs.
    """
    from ...server.standalone import FigServeHost

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
        "FigServeHost.render_only": options.render_only or None,
    }
    own = [f"--{name}={value}" for name, value in traits.items() if value is not None]
    return [*own, *options.traits]
