"""Shares a figure on another server, which others reach: publishes it there and makes a link. Server process.

It is that of the owner's team, whose key `jupyter figserve connect` has stored for the user whose server this is; or
the service of a JupyterHub, for the server of one of its users.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from ....errors import Conflict, InvalidInput, Unavailable
from ....model.figures import EncodedImage, FigureRecord, Representation
from ....model.multipart import encode_form, image_part, json_part
from ....model.team_servers import TEAM, TeamServer, find_team_server, read_team_servers
from ....store.files.blob_cache import BlobCache

_CONNECT_SECONDS = 5.0
_REQUEST_SECONDS = 60.0
_RETRY_SECONDS = 10
_MAX_MESSAGE_LENGTH = 500
_MAX_COLLECTION_LENGTH = 100
_OF_FIELDS = ("unknown_user", "unknown_group")
"""Codes of errors that a form shows at a field."""


class Peer(Protocol):
    """Another server, and what identifies the user there."""

    @property
    def url(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def headers(self) -> dict[str, str]: ...

    @property
    def ca_file(self) -> str | None: ...


@dataclass(frozen=True)
class TeamSharing:
    """Publishes figures on a team's server.

    Parameters
    ----------
    path
        File of the stored servers; None where this server has users who are not its own.
    """

    path: Path | None
    blobs: BlobCache

    def find_server(self) -> TeamServer | None:
        """Return the server connected last; None if there is none, or the file cannot be used."""
        try:
            return None if self.path is None else find_team_server(read_team_servers(self.path), TEAM)
        except InvalidInput:
            return None

    def get_server(self, name: str) -> TeamServer:
        """Return the server of this URL, or for ``"team"`` the one connected last.

        Raises
        ------
        Conflict
            There is none.
        """
        if self.path is None:
            raise Conflict(
                "This server already serves several users; share here, without a team's server.", code="no_team_server"
            )
        found = find_team_server(read_team_servers(self.path), name)
        if found is None:
            which = "a team's server" if name == TEAM else f"{name!r:.120}"
            raise Conflict(
                f"You are not connected to {which}. Run `jupyter figserve connect URL` once, on the machine of this"
                " server.",
                code="no_team_server",
            )
        return found

    async def share(self, server: Peer, record: FigureRecord, options: Mapping[str, Any]) -> dict[str, Any]:
        """Publish the images and the source of a figure, and return the new link there.

        Parameters
        ----------
        record
            With the version to publish.
        options
            Fields of the request for the link; with a version, the link stays at what is published now.
        """
        client = _TeamClient(server)
        published = await self._publish(client, record)
        fields = dict(options)
        if fields.get("version") is not None:
            fields["version"] = published["version"]
        link = await client.post_json(f"api/figures/{published['id']}/links", fields)
        return link | {"server": server.url}

    async def _publish(self, client: _TeamClient, record: FigureRecord) -> dict[str, Any]:
        version = record.version
        parts = {part.mimetype: part for part in reversed(version.representations)}
        images = [await self._read(part) for part in reversed(parts.values())]
        figure: dict[str, Any] = {
            "name": record.name,
            "title": version.title,
            "alt": version.alt,
            "caption": version.caption,
            "sizes": [_size_json(image) for image in images],
            **_place(record),
        }
        form = [json_part("figure", figure)]
        form += [image_part("representation", image.mimetype, image.data) for image in images]
        if version.thumbnail is not None:
            form.append(
                image_part("thumbnail", version.thumbnail.mimetype, await self.blobs.get(version.thumbnail.digest))
            )
        published = await client.send("POST", "api/figures", *encode_form(form))
        if version.source is not None and version.source.kind == "figure":
            query = urlencode({"kind": "figure", **version.source.libraries})
            path = f"api/figures/{published['id']}/versions/{published['version']}/source?{query}"
            await client.send("PUT", path, "application/octet-stream", await self.blobs.get(version.source.digest))
        return published

    async def _read(self, part: Representation) -> EncodedImage:
        data = await self.blobs.get(part.digest)
        return EncodedImage(part.mimetype, data, part.width, part.height, part.dpi, None, None, *part.display_size)


class _TeamClient:
    """Requests to another server."""

    def __init__(self, server: Peer) -> None:
        self._server = server

    async def post_json(self, path: str, value: Mapping[str, Any]) -> dict[str, Any]:
        return await self.send("POST", path, "application/json", json.dumps(dict(value)).encode())

    async def send(self, method: str, path: str, content_type: str, body: bytes) -> dict[str, Any]:
        """Return the JSON of a response.

        Raises
        ------
        Unavailable
            The server does not answer.
        InvalidInput
            It does not know a user or group.
        Conflict
            It answers with another error.
        """
        return self._parse(await self.fetch(method, path, content_type, body))

    async def fetch(self, method: str, path: str, content_type: str, body: bytes) -> HTTPResponse:
        """Return any response.

        Raises
        ------
        Unavailable
            The server does not answer.
        """
        http = AsyncHTTPClient(force_instance=True, max_body_size=2**24)
        request = HTTPRequest(
            f"{self._server.url}/{path}",
            method,
            {**self._server.headers, "Content-Type": content_type, "Accept": "application/json"},
            body or None,
            allow_nonstandard_methods=True,
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=_REQUEST_SECONDS,
            # A redirect would carry the key elsewhere.
            follow_redirects=False,
            ca_certs=self._server.ca_file,
        )
        try:
            response = await http.fetch(request, raise_error=False)
        except OSError as error:
            raise self._unreachable(error) from error
        finally:
            http.close()
        if response.code == 599:
            raise self._unreachable(response.error)
        return response

    def _parse(self, response: HTTPResponse) -> dict[str, Any]:
        try:
            value = json.loads(response.body or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict) or response.code >= 300:
            said = value.get("error") if isinstance(value, dict) else None
            if said and value and value.get("code") in _OF_FIELDS:
                raise InvalidInput(str(said)[:_MAX_MESSAGE_LENGTH], code=value["code"])
            reason = str(said)[:_MAX_MESSAGE_LENGTH] if said else f"it answers with status {response.code}."
            raise Conflict(f"{self._server.name}: {reason}", code="team_server_refused")
        return value

    def _unreachable(self, error: object) -> Unavailable:
        reason = str(error)[:_MAX_MESSAGE_LENGTH]
        return Unavailable(
            f"{self._server.url} does not answer ({reason}). Try again later.",
            code="team_server_unreachable",
            retry_after=_RETRY_SECONDS,
        )


async def forward(server: Peer, method: str, path: str, body: bytes) -> HTTPResponse:
    """Send a request of the user to another server, and return its response; ``Unavailable`` where there is none."""
    return await _TeamClient(server).fetch(method, path, "application/json", body)


def _place(record: FigureRecord) -> dict[str, str]:
    """Return where a figure belongs on the team's server: in one place for each notebook of each machine's project."""
    identity = record.identity
    if identity.collection:
        return {"collection": identity.collection}
    if identity.notebook:
        return {"notebook": f"{identity.scope.strip('/')}/{identity.notebook}".lstrip("/")}
    return {"collection": f"session {identity.maker}"[:_MAX_COLLECTION_LENGTH]}


def _size_json(image: EncodedImage) -> dict[str, float | None]:
    size: dict[str, float | None] = {"width": image.width, "height": image.height, "dpi": image.dpi}
    if image.display_width and image.display_height:
        size |= {"display_width": image.display_width, "display_height": image.display_height}
    return size
