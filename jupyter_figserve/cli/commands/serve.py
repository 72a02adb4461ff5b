"""`demo` and `serve`: run a server. A process of its own."""

from __future__ import annotations

import argparse

from ..registry import OK, command
from ..storage import data_dir_option


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exit", action="store_true", help="exit after checking the pages; status 0 if all respond")
    parser.add_argument("--port", type=int, help="port of the Jupyter server (default: any free port)")


@command("demo", "jupyter figserve demo", "jupyter figserve demo --exit", options=_demo_options)
def demo(options: argparse.Namespace) -> int:
    """Run a demo on this machine: a Jupyter server, a figure from a kernel, and its link."""
    from ...demo import run

    return run(port=options.port, serve_on=not options.exit)


def _serve_options(parser: argparse.ArgumentParser) -> None:
    data_dir_option(parser)
    parser.add_argument("--port", type=int, help="port to listen on; 0 picks a free port")
    parser.add_argument("--ip", help="address to listen on (default: only this machine)")
    parser.add_argument(
        "--ready-fd", type=int, metavar="FD", help="write a line of JSON to this file descriptor once it listens"
    )
    parser.add_argument("--ready-file", metavar="FILE", help="write the same line to this file")
    parser.add_argument("--render-only", action="store_true", help="only render posted code; store and show no figures")
    parser.add_argument("--exit-with-stdin", action="store_true", help="exit when standard input is closed")


@command(
    "serve",
    "jupyter figserve serve --port 8765",
    "jupyter figserve serve --render-only --ip 0.0.0.0 --port 8765",
    "jupyter figserve serve --ip 0.0.0.0 --FigServe.public_url=https://figures.example.org/",
    options=_serve_options,
    takes_traits=True,
)
def serve(options: argparse.Namespace) -> int:
    """Serve figures without notebooks: a standalone server for scripts, consoles and other programs, or a JupyterHub's.

    In the environment of a JupyterHub service (see jupyter_figserve.hub.configure), the Hub's users log in.

    Settings follow as --FigServe.NAME=VALUE or --ServerApp.NAME=VALUE. The login token is taken from JUPYTER_TOKEN, or
    generated. Create keys for programs with `jupyter figserve keys create`.
    """
    from ...server.standalone import FigServeHost

    FigServeHost.launch_instance(argv=host_arguments(options))
    return OK


def host_arguments(options: argparse.Namespace) -> list[str]:
    """Return the command line of the server application; the user's settings come last and take precedence."""
    from ...server.hub.environment import is_service

    traits = {
        # A JupyterHub says where its service listens.
        "ServerApp.ip": options.ip or (None if is_service() else "127.0.0.1"),
        "ServerApp.port": options.port,
        "FigServe.data_dir": options.data_dir and options.data_dir.absolute(),
        "FigServeHost.ready_fd": options.ready_fd,
        "FigServeHost.ready_file": options.ready_file,
        "FigServeHost.exit_with_stdin": options.exit_with_stdin or None,
        "FigServeHost.render_only": options.render_only or None,
    }
    own = [f"--{name}={value}" for name, value in traits.items() if value is not None]
    return [*own, *options.traits]
