"""What the tools do: their arguments to requests, and the responses to results. Any process."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, TooLarge, UnsupportedType
from ..model import open_flags
from ..model.figures import EncodedImage
from ..model.formats import find_format_of_bytes, get_format
from .api import Api, Permissions
from .figures import find_figure_id, summarize
from .results import ToolResult, json_result, shorten

_HEAD_BYTES = 64 * 1024
_MAX_FILE_BYTES = 2**28
_TEXTS = ("title", "alt", "caption")
_SIZES = ("width", "height", "dpi")
_DEFAULT_ROWS = 20
_DATA_ROWS = 50
_MAX_DATA = 100_000
"""Characters of a figure's tables that an assistant reads."""


async def render_plot(api: Api, permissions: Permissions, values: dict[str, Any]) -> ToolResult:
    rendered = await api.send("POST", "api/renders", {"format": "png", **values})
    image = EncodedImage(str(rendered["mimetype"]), base64.b64decode(rendered["data"]))
    size = f"{rendered['width']} × {rendered['height']} pixels"
    lines = [f"{rendered['title'] or 'A figure'}, {size}: {rendered['alt'] or 'no description'}"]
    lines += [f"Warning: {warning}" for warning in rendered["warnings"]]
    if rendered["output"]:
        lines.append(f"The code printed:\n{shorten(rendered['output'])}")
    return _with_image(image, lines, permissions)


async def publish_figure(api: Api, permissions: Permissions, values: dict[str, Any]) -> ToolResult:
    place = {name: values[name] for name in ("name", "collection") if name in values}
    texts = {name: values[name] for name in _TEXTS if name in values}
    if "code" in values:
        sizes = {name: values[name] for name in _SIZES if name in values}
        record = await api.send("POST", "api/renders", {"code": values["code"], "keep": True, **sizes, **place})
        if texts:
            record = await api.send("PATCH", f"api/figures/{record['id']}", texts)
    else:
        body = _read_file(values["path"], permissions) if "path" in values else _decode(values["image"])
        row = find_format_of_bytes(body[:_HEAD_BYTES]) if body else None
        if row is None:
            raise UnsupportedType("The data is not an image in a supported format, such as PNG, JPEG or SVG.")
        record = await api.upload("api/figures", row.mimetype, body, **place, **texts)
    return json_result(summarize(record))


async def list_figures(api: Api, permissions: Permissions, values: dict[str, Any]) -> ToolResult:
    query = {"q" if name == "search" else name: value for name, value in values.items()}
    found = await api.get("api/figures", **{"limit": _DEFAULT_ROWS, **query})
    return json_result({"figures": [summarize(one) for one in found["figures"]], "next": found["next"]})


async def view_figure(api: Api, permissions: Permissions, values: dict[str, Any]) -> ToolResult:
    figure = await find_figure_id(api, values["figure"])
    record = await api.get(f"api/figures/{figure}", version=values.get("version"))
    query = {name: values.get(name) for name in ("version", *_SIZES)}
    data = await api.get_bytes(f"figures/{figure}.png", **query)
    heading = f"{record['title'] or record['name']}, version {record['version']}: {record['alt'] or 'no description'}"
    return _with_image(EncodedImage(get_format("png").mimetype, data), [heading, str(record["url"])], permissions)


async def read_data(api: Api, permissions: Permissions, values: dict[str, Any]) -> ToolResult:
    figure = await find_figure_id(api, values["figure"])
    query = {"version": values.get("version"), "rows": values.get("rows", _DATA_ROWS)}
    data = await api.get(f"api/figures/{figure}/data", **query)
    result = json_result(data)
    if len(result.text) > _MAX_DATA:
        raise TooLarge(
            f"The tables have {len(result.text):,} characters; at most {_MAX_DATA:,} fit into a result. Ask for fewer"
            " rows."
        )
    return result


async def share_figure(api: Api, permissions: Permissions, values: dict[str, Any]) -> ToolResult:
    figure = await find_figure_id(api, values["figure"])
    options = {name: value for name, value in values.items() if name != "figure"}
    link = await api.send("POST", f"api/figures/{figure}/links", options)
    names = ("id", "url", "image_url", "audience", "expires", "views", "note")
    return json_result({name: link[name] for name in names if link.get(name) is not None})


def _with_image(image: EncodedImage, lines: list[str], permissions: Permissions) -> ToolResult:
    """Return a result with the image, or why it is too large."""
    if len(image.data) > permissions.image_bytes:
        raise TooLarge(
            f"The image has {len(image.data):,} bytes; at most {permissions.image_bytes:,} fit into a result"
            " (FigServe.mcp_image_bytes). Ask for a smaller width, height or dpi, or draw less."
        )
    return ToolResult("\n".join(lines), image)


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("image is not valid base64.") from error


def _locate(path: Path, folders: tuple[str, ...]) -> Path:
    """Return the resolved path of a file; a relative one is below a folder, else below the current directory.

    An assistant does not know in which directory its program has started the command.

    Raises
    ------
    OSError
        There is no such file.
    """
    below = (place for folder in folders if (place := Path(folder, path)).exists())
    return next(below, path).resolve(strict=True)


def _read_file(path: str, permissions: Permissions) -> bytes:
    """Return the content of a regular file in one of the folders.

    Raises
    ------
    InvalidInput
        It cannot be read, or lies elsewhere.
    TooLarge
        It is larger than a figure may be.
    """
    limit = permissions.figure_bytes or _MAX_FILE_BYTES
    try:
        found = _locate(Path(path).expanduser(), permissions.folders)
        if not any(found.is_relative_to(Path(folder).resolve()) for folder in permissions.folders):
            raise InvalidInput(f"{path!r:.200} is outside the folders of --files: {', '.join(permissions.folders)}.")
        # A pipe would block, and a device would never end.
        with open(os.open(found, os.O_RDONLY | open_flags.NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InvalidInput(f"{path!r:.200} is not a regular file.")
            data = file.read(limit + 1)
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"{path!r:.200} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if len(data) > limit:
        raise TooLarge(f"{path!r:.200} has more than {limit:,} bytes, the maximum (FigServe.figure_bytes).")
    return data
