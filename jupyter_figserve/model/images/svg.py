"""SVG documents as bytes: encoding, root element, and limits on document types. Any process.

A document type may declare entities, as Illustrator writes them for its namespaces, as long as their expansion is
bounded; it refers to no other file. Nothing is expanded here: browsers do that, and these are the bounds.
"""

from __future__ import annotations

import re

from ...errors import InvalidInput, TooLarge

_HEAD_BYTES = 64 * 1024
"""Maximum size of what comes before the root element: declaration, comments and document type."""
MAX_EXPANDED_BYTES = 32 * 1024 * 1024
"""Maximum size of all entities of a document, expanded."""
_MAX_ENTITIES = 200
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_BOM_FREE = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
}
"""Encodings that an XML declaration may name, with their Python names."""
_DECLARATION = re.compile(r"\A<\?xml\b[^>]{0,1000}\?>\s*")
_DECLARED = re.compile(rb"""^<\?xml\b[^>]{0,1000}?\bencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_NAME = r"[A-Za-z_:][\w.:-]{0,99}"
_EXTERNAL = r"""(?:\s+(?:SYSTEM|PUBLIC\s+(?:"[^"<]*"|'[^'<]*'))(?:\s+(?:"[^"<]*"|'[^'<]*'))?)?"""
_DOCTYPE = re.compile(rf"<!DOCTYPE\s+{_NAME}{_EXTERNAL}\s*(\[)?", re.IGNORECASE)
_ENTITY = re.compile(rf"""<!ENTITY\s+({_NAME})\s+(?:"([^"%]*)"|'([^'%]*)')\s*>""")
_ATTLIST = re.compile(r"""<!(?:ATTLIST|ELEMENT)\s+(?:[^<>"'&%]|"[^"<&]*"|'[^'<&]*')*>""")
_SKIPPED = re.compile(r"\s+|<!--.*?-->|<\?.*?\?>", re.DOTALL)
_REFERENCE = re.compile(rf"&({_NAME});")
_AMPERSAND = re.compile(r"&#(?:0*38|[xX]0*26);")
_HIDDEN = re.compile(r"<!(?:ENTITY|DOCTYPE|ATTLIST|ELEMENT|NOTATION)\b", re.IGNORECASE)


def to_utf8(data: bytes) -> bytes:
    """Return the document in UTF-8, without a byte order mark; UTF-8 without one is returned unchanged.

    Raises
    ------
    InvalidInput
        The encoding is unknown, or the bytes do not conform to it.
    """
    encoding, start = _find_encoding(data)
    try:
        text = data[start:].decode(encoding or "")
    except (LookupError, UnicodeDecodeError) as error:
        raise _bad_encoding() from error
    if "\x00" in text:
        raise _bad_encoding()
    return data if encoding == "utf-8" and start == 0 else encode_text(text)


def encode_text(text: str) -> bytes:
    """Encode a document as UTF-8, with a matching declaration if it has one."""
    text = text.removeprefix("\ufeff").lstrip()
    return _DECLARATION.sub('<?xml version="1.0" encoding="UTF-8"?>\n', text, count=1).encode()


def root_element(data: bytes) -> str:
    """Return the local name of the first element in lower case, after declaration, comments and document type."""
    encoding, start = _find_encoding(data)
    text = data[start : start + _HEAD_BYTES].decode(encoding or "latin-1", errors="replace").lstrip()
    while text[:2] in ("<?", "<!"):
        end = _end_of_preamble(text)
        if not end:
            return ""
        text = text[end:].lstrip()
    if not text.startswith("<"):
        return ""
    name = re.split(r"[\s>/]", text[1:80], maxsplit=1)[0]
    return name.rpartition(":")[2].lower()


def check_svg(data: bytes) -> None:
    """Check what a document in UTF-8 declares.

    Raises
    ------
    InvalidInput
        It declares more than small internal entities and default attributes, with the code
        ``svg_entities``.
    TooLarge
        Its entities expand to more than ``MAX_EXPANDED_BYTES``.
    """
    text = data.decode("utf-8", errors="replace")
    match = _DOCTYPE.search(text)
    if match is None or not match[1]:
        _refuse_declarations(text if match is None else text[: match.start()] + text[match.end() :])
        return
    subset_end, entities, defaults = _read_subset(text, match.end())
    _refuse_declarations(text[: match.start()] + text[subset_end:])
    body = text[subset_end:]
    size = _expanded_size(body, entities, {}) + defaults * body.count("<")
    if size > MAX_EXPANDED_BYTES + len(text):
        raise TooLarge(
            f"The SVG's entities expand to more than {MAX_EXPANDED_BYTES:,} bytes. Remove the declarations.",
            code="svg_entities",
        )


def _find_encoding(data: bytes) -> tuple[str | None, int]:
    """Return the encoding (None if unknown) and the length of the byte order mark. Source: XML 1.0, appendix F."""
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return encoding, len(mark)
    if data[:2] in _BOM_FREE:
        return _BOM_FREE[data[:2]], 0
    declared = _DECLARED.match(data[:2_000].lstrip())
    return (_ENCODINGS.get(declared[1].decode().lower()), 0) if declared else ("utf-8", 0)


def _bad_encoding() -> InvalidInput:
    return InvalidInput(
        "The SVG is not valid text in the encoding that it states. Save it as UTF-8.", code="svg_encoding"
    )


def _end_of_preamble(text: str) -> int:
    """Return the end of a comment, processing instruction or document type at the start of ``text``; 0 if open."""
    if text.startswith("<!--"):
        return text.find("-->") + 3 if "-->" in text else 0
    doctype = _DOCTYPE.match(text)
    if doctype is None or not doctype[1]:
        return text.find(">") + 1
    try:
        return _read_subset(text, doctype.end())[0]
    except (InvalidInput, TooLarge):
        # The root element is still returned, so that the check of the document reports the reason.
        return text.find("]>", doctype.end()) + 2 if "]>" in text else 0


def _read_subset(text: str, position: int) -> tuple[int, dict[str, str], int]:
    """Read an internal subset; return its end, its entities, and the length of its default attributes."""
    entities: dict[str, str] = {}
    defaults = 0
    while True:
        skipped = _SKIPPED.match(text, position)
        entity, attributes = _ENTITY.match(text, position), _ATTLIST.match(text, position)
        if skipped is not None:
            position = skipped.end()
        elif entity is not None and len(entities) < _MAX_ENTITIES:
            # The first declaration of a name counts. Source: XML 1.0, section 4.2.
            value = entity[2] if entity[2] is not None else entity[3]
            # A numeric ampersand is replaced on declaration, and then begins a reference. Source: XML 1.0, 4.4.5.
            entities.setdefault(entity[1], _AMPERSAND.sub("&", value))
            position = entity.end()
        elif attributes is not None:
            position, defaults = attributes.end(), defaults + len(attributes[0])
        else:
            break
    end = re.compile(r"\]\s*>").match(text, position)
    if end is None:
        raise _declares_too_much()
    return end.end(), entities, defaults


def _refuse_declarations(text: str) -> None:
    if _HIDDEN.search(text):
        raise _declares_too_much()


def _declares_too_much() -> InvalidInput:
    return InvalidInput(
        "The SVG's document type declares more than short entities and default attributes, such as an external or a"
        " parameter entity. Remove the declarations.",
        code="svg_entities",
    )


def _expanded_size(text: str, entities: dict[str, str], known: dict[str, int], depth: int = 0) -> int:
    """Return the length of ``text`` with all entities expanded, without expanding them.

    Raises
    ------
    InvalidInput
        An entity contains itself.
    """
    if depth > len(entities):
        raise InvalidInput("The SVG has an entity that contains itself. Remove the declarations.", code="svg_entities")
    size = len(text)
    for match in _REFERENCE.finditer(text):
        name = match[1]
        if name in entities:
            if name not in known:
                known[name] = _expanded_size(entities[name], entities, known, depth + 1)
            size += known[name]
    return size
