"""Copyable snippets of a link: Markdown, HTML, iframe and LaTeX, each with its own escaping. Any process."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from ..errors import InvalidInput
from .scalars import to_number

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


@dataclass(frozen=True)
class Snippets:
    """The snippets of a link.

    Parameters
    ----------
    page
        Absolute URL of the link's page.
    image
        Absolute URL of the link's image.
    title, alt
        Plain text.
    width, height
        Size of the image in pixels, if known.
    query
        Of the page in a frame, such as the values of its controls.
    """

    page: str
    image: str
    title: str
    alt: str
    width: int | None = None
    height: int | None = None
    query: str = ""

    @property
    def markdown(self) -> str:
        return f"[![{_markdown(self.alt)}]({_link_destination(self.image)})]({_link_destination(self.page)})"

    @property
    def html(self) -> str:
        size = f' width="{self.width}" height="{self.height}"' if self.width and self.height else ""
        return (
            f'<a href="{html.escape(self.page)}"><img src="{html.escape(self.image)}"'
            f' alt="{html.escape(self.alt)}"{size}></a>'
        )

    @property
    def iframe(self) -> str:
        address = f"{self.page}/embed" + (f"?{self.query}" if self.query else "")
        return (
            f'<iframe src="{html.escape(address)}" title="{html.escape(self.title)}"'
            f' width="{self.width or 640}" height="{self.height or 480}" style="border:0" loading="lazy"></iframe>'
        )

    @property
    def latex(self) -> str:
        """A figure environment. LaTeX cannot load URLs, so the first line says which file to save."""
        file = urlsplit(self.image).path.rpartition("/")[2]
        suffix = file.rpartition(".")[2]
        return "\n".join(
            (
                f"% save {self.image} as figure.{suffix}",
                r"\begin{figure}",
                r"  \centering",
                rf"  \includegraphics[width=\linewidth]{{figure.{suffix}}}",
                rf"  \caption{{{_latex(self.title)} (\href{{{_latex_url(self.page)}}}{{link}})}}",
                r"\end{figure}",
            )
        )

    def as_json(self) -> dict[str, str]:
        return {
            "url": self.page,
            "markdown": self.markdown,
            "html": self.html,
            "iframe": self.iframe,
            "latex": self.latex,
        }


def image_url(page: str, format: str, **sizes: float | None) -> str:
    """Return the URL of a page's image: ``page`` with a suffix, and the given sizes as the query.

    Raises
    ------
    InvalidInput
        A size is not a number.
    """
    query = urlencode({name: write_size(name, value) for name, value in sizes.items() if value is not None})
    return f"{page}.{format}" + (f"?{query}" if query else "")


def _markdown(text: str) -> str:
    """Escape ASCII punctuation by backslashes. Source: CommonMark 0.31, section 2.4."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$&:@-])", r"\\\1", text)


def _link_destination(url: str) -> str:
    """Put a destination with parentheses in angle brackets. Source: CommonMark 0.31, section 6.3."""
    return f"<{url}>" if re.search(r"[() ]", url) else url


def write_size(name: str, value: object) -> str:
    """Return a width, height or dpi as text for a query.

    Raises
    ------
    InvalidInput
        It is not a positive number, or a width or height is not a whole one.
    """
    number, is_whole = to_number(value), name != "dpi"
    if not number > 0 or (is_whole and not number.is_integer()):
        kind = "positive whole number" if is_whole else "positive number"
        raise InvalidInput(f"Invalid {name} {value!r:.60}. Use a {kind}, such as {name}=150.")
    return f"{number:.12g}"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _latex_url(url: str) -> str:
    """Escape % and #, which hyperref requires within arguments of other commands (its manual, section 4)."""
    return re.sub(r"([%#])", r"\\\1", url)
