"""Checks of the team's servers that `jupyter figserve connect` has stored. Any process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import FigServeError, InvalidInput
from .result import Result, ok, wrong
from .server import Examination

if TYPE_CHECKING:
    from ...kernel.client.client import FigServeClient
    from ...model.team_servers import TeamServer

_CHECK = "team_server"


def check_team_servers() -> Iterator[Result]:
    """Yield for each stored server whether it can be reached, accepts its key, and lets it publish."""
    from ...kernel.client.stored_servers import make_team_client, servers_path
    from ...model.team_servers import read_team_servers

    path = servers_path()
    try:
        servers = [] if path is None else read_team_servers(path)
    except InvalidInput as error:
        yield wrong(
            _CHECK, str(path), str(error), f"chmod 600 {path}  # or connect again: jupyter figserve connect URL"
        )
        return
    for server in servers:
        try:
            client = make_team_client(server)
        except FigServeError as error:
            yield wrong(_CHECK, server.url, str(error), _connect(server))
            continue
        yield from _examine(server, client)
        client.close()


def _examine(server: TeamServer, client: FigServeClient) -> Iterator[Result]:
    examination = Examination(client, server.ca_file)
    for result in examination.reach():
        mend = result.mend
        if result.state == "wrong" and result.check != "clock":
            mend = f"jupyter figserve connect {server.url} --remove  # if it is gone for good; else: {mend}"
        yield replace(result, check=_CHECK, mend=mend)
    if examination.status is None:
        return
    caller = examination.status.get("caller")
    if caller is None:
        says = "It rejects the stored key: it is wrong, expired or revoked. share() there fails."
        yield wrong(_CHECK, server.url, says, _connect(server))
    elif "publish" not in caller["scopes"]:
        says = "The stored key has no scope publish, which sharing needs."
        yield wrong(_CHECK, server.url, says, _connect(server))
    else:
        yield ok(_CHECK, server.url, f"It accepts the stored key, of {caller['owner']}; sharing there works.")


def _connect(server: TeamServer) -> str:
    return f"jupyter figserve connect {server.url}  # with a new key of scopes read and publish"
