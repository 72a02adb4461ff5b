"""Names, titles and other texts of figures: validation and normalization. Any process."""

from __future__ import annotations

import re
import unicodedata

from ..errors import InvalidInput, InvalidName

MAX_NAME_LENGTH = 100
MAX_TITLE_LENGTH = 300
MAX_ALT_LENGTH = 2_000
MAX_CAPTION_LENGTH = 1_000
_NAME = re.compile(r"[\w][\w .-]{0,99}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def is_device(name: str) -> bool:
    """Whether Windows takes a file name for a device; the name of a figure is one in downloads and exports."""
    return _DEVICES.fullmatch(name) is not None


def to_nfc(text: str) -> str:
    """Return a text in NFC: Macs and some keyboards write accents as characters of their own."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_unicode(text: str) -> bool:
    """Whether a text can be sent: it has no half of a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def is_name(text: str) -> bool:
    """Whether a text, in NFC, can be the name of a figure."""
    return _NAME.fullmatch(text) is not None and not is_device(text)


def check_name(name: object, noun: str = "figure") -> str:
    """Validate the name of a figure, or of what ``noun`` says, and return it in NFC.

    Raises
    ------
    InvalidName
        It does not match ``[\\w][\\w .-]{0,99}``, or is the name of a device.
    """
    text = to_nfc(name) if isinstance(name, str) else ""
    if not is_name(text):
        raise InvalidName(
            f"{_quoted(name)} cannot be a {noun}'s name: use a letter or digit, then letters, digits, spaces, dots,"
            f" hyphens and underscores, at most {MAX_NAME_LENGTH} characters."
        )
    return text


def _quoted(value: object) -> str:
    """Return a value as Python writes it; a long one is cut, and its quotation marks stay."""
    return repr(f"{value[:59]}…") if isinstance(value, str) and len(value) > 60 else f"{value!r:.62}"


def slug(title: str) -> str | None:
    """Derive a name from a title; None if no character of it is allowed in a name."""
    text = to_nfc(title)
    text = re.sub(r"[^\w .-]+", " ", text)
    text = re.sub(r"\s+", "-", text.strip())
    text = re.sub(r"-{2,}", "-", text).lstrip(".-")[:MAX_NAME_LENGTH].rstrip(".- ")
    return text if is_name(text) else None


def validate_single_line(text: object, what: str, limit: int) -> str:
    """Validate a title or an alternative text and return it on one line, trimmed.

    Raises
    ------
    InvalidInput
        It is not a string, has more than ``limit`` characters, or contains control characters or lone surrogates.
    """
    if text is None:
        return ""
    if not isinstance(text, str):
        raise InvalidInput(f"The {what} is of type {type(text).__name__}; give a string.")
    line = re.sub(r"[ \t\r\n\x0b\x0c\u2028\u2029]+", " ", text).strip()
    if len(line) > limit:
        raise InvalidInput(f"The {what} has {len(line):,} characters; the limit is {limit:,}.", code="words_too_long")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in line):
        raise InvalidInput(f"The {what} contains control characters; remove them.")
    return line
