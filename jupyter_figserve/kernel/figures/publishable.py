"""Inputs of ``publish`` other than plotting objects: paths, file objects, text and arrays. Kernel."""

from __future__ import annotations

import gzip
import io
import os
import re
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import InvalidInput, OutputInvalid, TooLarge
from ...model.formats import ANIMATION_FORMATS, FORMATS, find_format_of_bytes
from ...model.images.svg import encode_text
from ...model.texts import is_name, slug
from ..arguments import describe_type, expand_home

_MAX_BYTES = 2**30
"""Maximum size of a file to publish, in bytes; the server has a smaller limit of its own."""
_MAX_SVG_BYTES = 2**25
_DEFAULT = ("png",)
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]+://|data:)", re.IGNORECASE)
_OWN_PACKAGE = "jupyter_figserve."
_ADVICE = {
    "Published": "Share it with its share(), or publish the figure itself under another name.",
    "SharedLink": "Send its url, or publish the figure itself.",
    "LiveFigure": "Share it with its share(), or call it and publish its result.",
    "Dashboard": "Publish it with its publish(), or share it with its share().",
}
"""What to do with objects of this package that are no figures, by their classes."""


def read_object(fig: Any, name: str | None) -> tuple[Any, str | None]:
    """Return the object to encode and the name of its file; only paths, files, text and arrays are converted.

    Raises
    ------
    InvalidInput
        There is no such file, or it is not a regular file; or the object has an address of its own already.
    OutputInvalid
        The file is not an image, or the array does not have the shape of one.
    """
    _refuse_own(fig)
    if isinstance(fig, str) and fig.lstrip("\ufeff \t\r\n").startswith("<"):
        return encode_text(fig), name
    if isinstance(fig, (str, os.PathLike)):
        path = _parse_path(fig)
        return _unpacked(_read_path(path)), slug(path.stem) if name is None else name
    if _is_file(fig):
        return _unpacked(_read_file(fig)), name
    if isinstance(fig, (bytes, bytearray, memoryview)):
        return _unpacked(bytes(fig)), name
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(fig, numpy.ndarray) and fig.dtype != object:
        from ...plotting.arrays import image_of_array

        return image_of_array(fig), name
    return fig, name


def choose_formats(fig: Any, formats: tuple[str, ...]) -> tuple[str, ...]:
    """Return the formats to encode; an animation's default is its own format or GIF, with a PNG of its first frame."""
    from ...plotting.animations import default_formats, is_animation

    if is_animation(fig):
        if formats == _DEFAULT:
            return default_formats(fig)
        if formats[0] in ANIMATION_FORMATS and "png" not in formats:
            return (*formats, "png")
    return formats


def animation_limits(read_limits: Callable[[], dict[str, Any]]) -> Any:
    """Return the limits of the server, with a line of progress in the notebook."""
    from ...plotting.animations import AnimationLimits
    from .frame_progress import FrameProgress

    limits = read_limits()
    default = AnimationLimits()
    return AnimationLimits(
        int(limits.get("animation_frames", default.frames)),
        int(limits.get("figure_bytes", default.bytes)),
        FrameProgress().advance,
    )


def _refuse_own(fig: Any) -> None:
    """Refuse what is published or shared already: as HTML, it would show its address, a link's secret included."""
    kind = type(fig)
    if kind.__module__.startswith(_OWN_PACKAGE) and kind.__name__ in _ADVICE:
        raise InvalidInput(f"This {kind.__name__} has an address already. {_ADVICE[kind.__name__]}")


def _read_path(path: Path) -> bytes:
    shown = f"{str(path)!r:.200}"
    try:
        if path.is_dir():
            raise InvalidInput(f"{shown} is a directory. Pass the path of an image file.")
        if not path.exists():
            raise InvalidInput(f"There is no file {shown}.{_name_hint(str(path))}")
        if not path.is_file():
            raise InvalidInput(f"{shown} is not a regular file. Pass the path of an image file.")
        _check_size(path.stat().st_size)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{shown} cannot be read: {_reason(error)}.") from error
    if find_format_of_bytes(data) is None:
        raise OutputInvalid(f"{shown} is not an image in a known format. The formats are {', '.join(FORMATS)}.")
    return data


def _parse_path(given: str | os.PathLike[str]) -> Path:
    """Return the path of a file, which may be bytes, with ``~`` for the home directory.

    Raises
    ------
    InvalidInput
        It is empty, a URL, or not a path after all.
    """
    try:
        text = os.fsdecode(given)
    except Exception as error:
        raise InvalidInput(f"The path, {describe_type(given)}, cannot be read: {_reason(error)}.") from error
    if not text.strip():
        raise InvalidInput("The path is empty. Pass that of an image file; to publish the current figure, pass none.")
    if _URL.match(text):
        raise InvalidInput(
            f"{text!r:.80} is a URL, and publish loads none. Download it, and pass its bytes or its path."
        )
    return expand_home(Path(text))


def _name_hint(text: str) -> str:
    """Return what to do about a text that is a name rather than a path, "" for a path."""
    if Path(text).suffix or not is_name(text):
        return ""
    return f" To publish the current figure under a name, use publish(name={text!r:.60})."


def _read_file(file: Any) -> bytes:
    try:
        data = _read_all(file)
    except Exception as error:
        raise InvalidInput(f"The file object cannot be read: {_reason(error)}. Open it with mode 'rb'.") from error
    if isinstance(data, str):
        data = encode_text(data)
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidInput(f"The file object returned {type(data).__name__}, not bytes. Open it in binary mode.")
    _check_size(len(data))
    return bytes(data)


def _read_all(file: Any) -> Any:
    """Return what a file object has, from where it stands; of ``BytesIO`` and its like, all."""
    if hasattr(file, "getvalue"):
        return file.getvalue()
    try:
        return file.read(_MAX_BYTES + 1)
    except TypeError:
        # An object of another library, whose read takes no size.
        return file.read()


def _reason(error: Exception) -> str:
    if isinstance(error, io.UnsupportedOperation):
        return "it is not open for reading"
    return str(getattr(error, "strerror", None) or error or type(error).__name__).rstrip(".")


def _is_file(fig: Any) -> bool:
    # By the class: some objects have every attribute.
    kind = type(fig)
    return isinstance(fig, io.IOBase) or kind.__module__ == "tempfile" or callable(getattr(kind, "read", None))


def _unpacked(data: bytes) -> bytes:
    """Decompress an svgz, which no notebook displays; other bytes are returned unchanged."""
    if not data.startswith(FORMATS["svgz"].magic):
        return data
    try:
        with gzip.open(io.BytesIO(data)) as file:
            svg = file.read(_MAX_SVG_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise OutputInvalid(f"The compressed SVG is damaged: {error}.") from error
    if len(svg) > _MAX_SVG_BYTES:
        raise TooLarge(f"The SVG has more than {_MAX_SVG_BYTES:,} bytes when unpacked.")
    return svg


def _check_size(size: int) -> None:
    if size > _MAX_BYTES:
        raise TooLarge(f"The file has {size:,} bytes; the limit is {_MAX_BYTES:,}.")
