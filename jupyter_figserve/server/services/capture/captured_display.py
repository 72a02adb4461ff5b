"""The figure in a display message, in any form that a library displays it in. Server process.

A kernel may send anything: wrong types, broken base64, data that is no image. Images are not decoded, and nothing runs.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ....errors import FigServeError, InvalidInput, TooLarge, UnsupportedType
from ....model.display_size import parse_display_size
from ....model.figures import EncodedImage, sha256_hex
from ....model.formats import FORMATS, Format, begin_html, get_format_of_mimetype
from ....model.html.content import HtmlImage, parse_html
from ....model.html.loaded_addresses import is_loaded
from ....model.images.vector_sizes import vector_size
from ....model.markdown_images import find_markdown_images
from ....model.texts import MAX_ALT_LENGTH
from ..figures.upload import parse_image
from ..script_figures.figure import ScriptFigure, find_in_bundle, find_in_html, find_problem
from ..script_figures.titles import find_script_title
from .display_messages import as_dict

HTML = FORMATS["html"]
CAPTURED_FORMATS = tuple(
    dict.fromkeys(
        [*(FORMATS[name] for name in ("png", "svg", "jpg", "webp")), *(r for r in FORMATS.values() if r.is_inline)]
    )
)
"""In order of preference, for a display that comes in several."""
_PDF = FORMATS["pdf"]
_MARKDOWN = "text/markdown"
_WIDGET = "application/vnd.jupyter.widget-view+json"
_LOADING = ("application/vnd.bokehjs_load.v0+json", "application/vnd.holoviews_load.v0+json")
_HOLOVIEWS = "application/vnd.holoviews_exec.v0+json"
_UNKNOWN_FIGURES = re.compile(r"image/.+|video/.+|application/geo\+json|application/vnd\.holoviews_exec.*")
_CLASS = re.compile(r"([A-Za-z_]\w*)\(")
# Jupyter's own controls and layouts; a figure inside them is displayed by a message of its own.
_CONTROLS = re.compile(
    r"Accordion|Audio|.*Box|.*Button(s|Style)?|Checkbox|Color(Picker|sInput)|Combobox|Controller|.*Picker|Dropdown|"
    r"File(Upload)?|Float\w*|GridspecLayout|HTML(Math)?|Int\w*|interactive|Label|Layout|Output|Password|Play|"
    r"RadioButtons|Select\w*|.*Slider|Stack|Tab|TagsInput|.*Text(area)?|.*Layout|Toggle\w*|Valid|.*Progress"
)


@dataclass(frozen=True)
class Limits:
    """Maximum bytes and pixels of one display."""

    bytes: int
    pixels: int


@dataclass(frozen=True)
class CapturedDisplay:
    """A figure that a kernel displayed.

    Parameters
    ----------
    format
        What it is served as.
    data
        The image or document; of a script figure its JSON, from which the document is made when it is read.
    library
        Of a script figure, the library that draws it; None for anything else.
    digest
        sha256 of the displayed text that ``data`` was extracted from; None if ``data`` is what was displayed.
    others
        The other images of the same figure that came with it, in order of preference: of an interactive figure its
        static images, of a PNG its SVG.
    alt
        Alternative text by its author, or ``""``.
    title
        That of an interactive figure, or ``""``.
    width, height
        Displayed size in CSS pixels, None if the display names none.
    """

    format: Format
    data: bytes
    library: str | None = None
    digest: str | None = None
    others: tuple[EncodedImage, ...] = ()
    alt: str = ""
    width: int | None = None
    height: int | None = None
    title: str = ""

    @property
    def size(self) -> int:
        return len(self.data) + sum(len(other.data) for other in self.others)

    @property
    def still(self) -> EncodedImage | None:
        """The static image of an interactive figure; None without one."""
        return next(iter(self.others), None) if self.format is HTML else None


def find_display(content: Any, limits: Limits) -> CapturedDisplay | None:
    """Return the figure in the content of a display message or an ``execute_result``; None if it shows no figure.

    Raises
    ------
    FigServeError
        When it shows a figure that cannot be kept: the message names it.
    """
    bundle = as_dict(as_dict(content).get("data"))
    metadata = as_dict(as_dict(content).get("metadata"))
    if any(kind in bundle for kind in _LOADING):
        return None
    image = _find_image(bundle, metadata, limits)
    script = _find_script_figure(bundle)
    if script is not None:
        return _from_script(script, image, limits)
    if image is not None:
        return image
    text = bundle.get(HTML.mimetype)
    # The HTML of widgets and of HoloViews relies on scripts that an earlier output has loaded.
    is_whole = _WIDGET not in bundle and _HOLOVIEWS not in bundle
    found = _from_html(text, limits) if is_whole and isinstance(text, str) else None
    if found is None and text is None and isinstance(bundle.get(_MARKDOWN), str):
        found = _from_markdown(bundle[_MARKDOWN], limits)
    if found is None:
        _refuse_unknown(bundle)
    return found


def _find_image(bundle: dict[Any, Any], metadata: dict[Any, Any], limits: Limits) -> CapturedDisplay | None:
    """Return the preferred image of a mimebundle with its other ones, as R's kernel displays a PNG and an SVG."""
    rows = [row for row in (*CAPTURED_FORMATS, _PDF) if row.mimetype in bundle]
    if not rows:
        return None
    row, *others = rows
    image = _read_image(bundle, row, limits)
    shown = {**metadata, **as_dict(metadata.get(row.mimetype))}
    own = vector_size(row.name, image.data) or (image.width, image.height)
    width, height = parse_display_size(shown.get("width"), shown.get("height"), own)
    found = tuple(_read_others(bundle, {image.mimetype}, others, limits))
    return CapturedDisplay(row, image.data, others=found, alt=_alt(shown.get("alt")), width=width, height=height)


def _read_image(bundle: dict[Any, Any], row: Format, limits: Limits) -> EncodedImage:
    text = bundle[row.mimetype]
    if not isinstance(text, str):
        raise InvalidInput(f"The display's {row.mimetype} is {type(text).__name__}, not a string.")
    # Base64 takes four characters for three bytes; the margin is for line breaks.
    _check_size(len(text) * 3 // 4 - 1_000, limits, f"An image of type {row.mimetype}")
    image = parse_image(_decode(text, row.is_text), row.mimetype, {}, limits.pixels)
    _check_size(len(image.data), limits, f"An image of type {row.mimetype}")
    return image


def _read_others(
    bundle: dict[Any, Any], known: set[str], rows: Sequence[Format], limits: Limits
) -> Iterator[EncodedImage]:
    """Yield the other images, each type once; one that cannot be kept is left out, since the preferred one is kept."""
    for row in rows:
        try:
            image = _read_image(bundle, row, limits)
        except FigServeError:
            continue
        if image.mimetype not in known:
            known.add(image.mimetype)
            yield image


def _find_script_figure(bundle: dict[Any, Any]) -> ScriptFigure | None:
    try:
        return find_in_bundle(bundle)
    except RecursionError as error:
        raise InvalidInput("The display is nested too deeply.") from error


def _from_script(script: ScriptFigure, still: CapturedDisplay | None, limits: Limits) -> CapturedDisplay:
    """Return an interactive figure; if its library is missing here, its image."""
    problem = find_problem(script)
    if problem is not None:
        if still is not None:
            return still
        raise UnsupportedType(problem, code="display_not_kept")
    _check_size(len(script.data), limits, script.name)
    others: tuple[EncodedImage, ...] = ()
    if still is not None and still.format.is_inline:
        size = {"display_width": still.width, "display_height": still.height}
        others = (EncodedImage(still.format.mimetype, still.data, **size), *still.others)
    own = script.value.get("description") if script.library.startswith("vega") and script.value else ""
    alt = (still.alt if still else "") or _alt(own)
    title = find_script_title(script.library, script.value)
    return CapturedDisplay(HTML, script.data, script.library, script.digest, others, alt, title=title)


def _from_html(text: str, limits: Limits) -> CapturedDisplay | None:
    """Return the figure in HTML: an image, a script figure, or the document itself."""
    data = _decode(text, is_text=True)
    _check_size(len(data), limits, "HTML")
    content = parse_html(text)
    if not content.is_figure:
        return None
    image = content.only_image
    found = _from_element(image, data, limits) if image is not None else None
    if found is not None:
        return found
    script = find_in_html(content, data)
    if script is not None and (content.scripts or find_problem(script) is None):
        return _from_script(script, None, limits)
    if content.scripts or content.is_empty_offline:
        url = (content.scripts or content.resources)[0]
        raise UnsupportedType(
            f"HTML that loads {url:.200} was displayed last, and a kept figure loads nothing from elsewhere. Display or"
            " publish the figure with everything it needs in it.",
            code="display_not_kept",
        )
    document = begin_html(data)
    return CapturedDisplay(HTML, document, digest=None if document is data else sha256_hex(data))


def _from_markdown(text: str, limits: Limits) -> CapturedDisplay | None:
    """Return the image of a Markdown text; None if it has none."""
    data = _decode(text, is_text=True)
    _check_size(len(data), limits, "Markdown")
    images = find_markdown_images(text)
    if not images:
        return None
    found = _from_element(images[0], data, limits) if len(images) == 1 else None
    if found is not None:
        return found
    loaded = next((image.source for image in images if is_loaded(image.source)), None)
    count = f"{len(images)} image{'' if len(images) == 1 else 's'}"
    name = f"Markdown with {count}" if loaded is None else f"Markdown that loads {loaded:.200}"
    raise UnsupportedType(
        f"{name} was displayed last, which is not kept. Display or publish its image itself.", code="display_not_kept"
    )


def _from_element(image: HtmlImage, data: bytes, limits: Limits) -> CapturedDisplay | None:
    """Return the image of an ``<img>`` with a ``data:`` URL; None if it is none that is kept as an image."""
    decoded = image.decode()
    if decoded is None:
        return None
    try:
        row = get_format_of_mimetype(decoded[0])
        content = parse_image(decoded[1], row.mimetype, {}, limits.pixels)
    except FigServeError:
        return None
    own = vector_size(row.name, content.data) or (content.width, content.height)
    width, height = parse_display_size(image.width, image.height, own)
    digest = sha256_hex(data)
    return CapturedDisplay(row, content.data, None, digest, alt=_alt(image.alt), width=width, height=height)


def _refuse_unknown(bundle: dict[Any, Any]) -> None:
    """Refuse a figure whose form cannot be kept, by name; return for everything else.

    Raises
    ------
    UnsupportedType
        With the code ``display_not_kept``.
    """
    name = next((str(kind) for kind in bundle if _UNKNOWN_FIGURES.fullmatch(str(kind))), None)
    if name is None and _WIDGET in bundle:
        # Widgets name their class in their text; progress bars and the like have other texts.
        match = _CLASS.match(str(bundle.get("text/plain", "")))
        name = f"widget {match[1]}" if match and not _CONTROLS.fullmatch(match[1]) else None
    if name is not None:
        raise UnsupportedType(
            f"A display of type {name:.100} was shown last, which is not kept. Publish the figure, or display an image"
            " of it.",
            code="display_not_kept",
        )


def _alt(value: object) -> str:
    if not isinstance(value, str):
        return ""
    text = "".join(c for c in " ".join(value.split()) if c.isprintable())
    return text[:MAX_ALT_LENGTH]


def _decode(text: str, is_text: bool) -> bytes:
    if is_text:
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput("The display contains lone surrogates.") from error
    try:
        # Some kernels wrap base64 into lines.
        return binascii.a2b_base64("".join(text.split()) if "\n" in text else text, strict_mode=True)
    except ValueError as error:
        raise InvalidInput("The display is not valid base64.") from error


def _check_size(size: int, limits: Limits, what: str) -> None:
    if size > limits.bytes:
        raise TooLarge(f"{what} of more than {limits.bytes:,} bytes was displayed (FigServe.figure_bytes).")
