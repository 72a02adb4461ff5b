"""Readable text of figures: mathtext and markup become plain characters. Kernel and jailed child."""

from __future__ import annotations

import html
import re
import unicodedata

_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
# Tags that Plotly draws; any other "<" of a title is the author's own.
_TAG = re.compile(r"</?(?:a|b|br|em|i|s|span|strong|sub|sup|u)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_MATH = re.compile(r"(?<!\\)\$((?:[^$\\]|\\.)+?)(?<!\\)\$", re.DOTALL)
# How Bokeh and MathJax mark a formula, apart from single dollars.
_DISPLAY_MATH = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)", re.DOTALL)
_SUPERSCRIPTS = str.maketrans("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ")
_SUBSCRIPTS = str.maketrans("0123456789+-−=()aeoxhklmnpst", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₒₓₕₖₗₘₙₚₛₜ")
_ARGUMENT = r"\s*(?:\{((?:[^{}])*)\}|(\\[A-Za-z]+|\S))"
_FRACTION = re.compile(r"\\[dt]?frac" + _ARGUMENT + _ARGUMENT)
_ROOT = re.compile(r"\\sqrt\s*(?:\[([^]]*)\])?" + _ARGUMENT)
_SCRIPT = re.compile(r"(?<!\\)([_^])" + _ARGUMENT)
_FONT = re.compile(
    r"\\(?:math(?:rm|bf|it|sf|tt|cal|bb|frak|scr|default|regular|bfit|normal)|text(?:rm|bf|it|sf|tt|normal)?"
    r"|operatorname|boldsymbol|overline|underline|hat|bar|vec|tilde|dot|ddot|widehat|widetilde|left|right|big[lr]?|Big[lr]?)"
    r"(?![A-Za-z])\s*"
)
_SPACE = re.compile(r"\\(?:[ ,;:!>/]|quad\b|qquad\b|hspace\s*\{[^{}]*\})|~")
_COMMAND = re.compile(r"\\([A-Za-z]+)(\s?)|\\([#$%&_^{}|])")
_FUNCTIONS = frozenset(
    "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup ln log max min"
    " Pr sec sin sinh sup tan tanh".split()
)
# Groups nested deeper than this are not resolved.
_MAX_DEPTH = 20


def one_line(text: object, limit: int) -> str:
    """Return ``text`` on one line, without control characters, truncated to ``limit``; ``""`` if it is not a string."""
    if not isinstance(text, str):
        return ""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def error_line(error: Exception, limit: int = 300) -> str:
    """Return the type and the message of an exception on one line."""
    return one_line(f"{type(error).__name__}: {error}", limit)


def plain_text(text: object) -> str:
    r"""Return text of matplotlib with its mathtext as characters: ``$10^{-3}\,\mathrm{m}$`` becomes ``10⁻³ m``.

    As in matplotlib, an odd number of unescaped dollar signs is not mathtext.
    """
    if not isinstance(text, str):
        return ""
    dollars = text.count("$") - text.count(r"\$")
    if dollars > 0 and dollars % 2 == 0:
        text = _MATH.sub(lambda match: _plain_math(match[1]), text)
    return text.replace(r"\$", "$")


def without_markup(text: object) -> str:
    """Return text of Plotly or Bokeh without its tags and entities: ``<b>Sales</b><br>2024`` becomes ``Sales 2024``."""
    if not isinstance(text, str):
        return ""
    text = html.unescape(_TAG.sub("", _BREAK.sub(" ", text)))
    return plain_text(_DISPLAY_MATH.sub(lambda match: f"${match[1] or match[2] or match[3]}$", text))


def _plain_math(source: str) -> str:
    source = _SPACE.sub(" ", _FONT.sub("", source))
    for _ in range(_MAX_DEPTH):
        resolved = _SCRIPT.sub(_script, _ROOT.sub(_root, _FRACTION.sub(_fraction, source)))
        # Groups that no command takes are only brackets of the source.
        resolved = re.sub(r"(?<![_^\\A-Za-z}\]])\{([^{}\\]*)\}", r"\1", resolved)
        if resolved == source:
            break
        source = resolved
    named = _COMMAND.sub(_command, source)
    return named.replace("{", "").replace("}", "").replace("'", "′").replace("-", "−").strip()


def _fraction(match: re.Match[str]) -> str:
    above, below = (_grouped(match[1] or match[2] or ""), _grouped(match[3] or match[4] or ""))
    return f"{above}/{below}"


def _grouped(text: str) -> str:
    text = text.strip()
    return f"({text})" if re.search(r"[\s+*/−-]", text) else text


def _root(match: re.Match[str]) -> str:
    sign = {"3": "∛", "4": "∜"}.get(match[1] or "", "√")
    return sign + _grouped(match[2] or match[3] or "")


def _script(match: re.Match[str]) -> str:
    text = _COMMAND.sub(_command, (match[2] if match[2] is not None else match[3] or "")).strip()
    if match[1] == "^" and text in ("°", "∘"):
        return "°"
    if match[1] == "^" and set(text) <= {"′", "'"}:
        return "′" * len(text)
    raised = text.translate(_SUPERSCRIPTS if match[1] == "^" else _SUBSCRIPTS)
    if all(before != after for before, after in zip(text, raised, strict=True)):
        return raised
    # Escaped, so that it is not read as a script again.
    return f"\\{match[1]}{text if match[1] == '_' else _grouped(text)}"


def _command(match: re.Match[str]) -> str:
    name, space, escaped = match.groups()
    if name is None:
        return str(escaped)
    if name in _FUNCTIONS:
        return f"{name} "
    symbol = _symbol(name)
    return symbol if symbol.isalpha() else symbol + space


def _symbol(name: str) -> str:
    try:
        from matplotlib._mathtext_data import tex2uni

        character = chr(tex2uni[name])
    except (ImportError, KeyError, ValueError):
        return f"{name} "
    # Thin and combining characters of the table are useless after their letter.
    return "" if unicodedata.combining(character) else character
