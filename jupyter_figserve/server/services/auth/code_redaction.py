"""Removes secrets from the code of a cell, line by line, before it is stored or shown. Server process.

Code is meant for its author's machine: it has passwords, keys and the names of home directories. What is code itself,
such as ``token = read_token()``, stays; only literals are shortened. Each pattern has bounded repetitions.
"""

from __future__ import annotations

import re

_HIDDEN = "…"
_NAME = (
    r"(?:api[-_ ]?key|access[-_ ]?key|token|secret|passw(?:or)?d|passwort|passphrase|pwd|authorization|bearer|signature"
    r"|cookie|credential|private[-_ ]?key|account[-_ ]?key|\bauth)"
)
_LITERAL = r"[rbfuRBFU]{0,2}(?P<q>\"\"\"|'''|\"|')(?:\\.|(?!(?P=q))[^\\]){1,4000}?(?:(?P=q)|\Z)"
"""A string, or its beginning where the text was cut."""
_ASSIGNED = re.compile(
    rf"(?is)({_NAME}[\w-]{{0,20}}[\"']?\]?[ \t]{{0,4}}(?::[ \t]{{0,4}}\w{{1,20}}[ \t]{{0,4}})?[:=,(]=?[ \t]{{0,4}}\(?)"
    rf"{_LITERAL}"
)
"""A literal after a telling name: an assignment, an argument, an item of a dict, a default."""
_BARE = re.compile(
    rf"(?im)^([ \t]{{0,40}}[%!].{{0,400}}?{_NAME}\w{{0,20}}(?:[ \t]{{0,4}}[:=][ \t]{{0,4}}|[ \t]{{1,4}}))"
    r"(?:bearer[ \t]{1,4})?[^\s\"']{1,4000}"
)
"""On a line for the shell or a magic, where values need no quotes."""
_IN_URL = re.compile(r"(\b[A-Za-z][\w+.-]{0,20}://)[^\s/@\"']{1,400}@")
_IN_QUERY = re.compile(rf"(?i)([?&][\w.-]{{0,40}}?(?:{_NAME}|sig|key)=)[^&\s\"'#]{{1,4000}}")
_KNOWN = re.compile(
    r"\b(?:(?:sk|pk|rk)[-_][\w-]{16,400}|gh[oprsu]_\w{16,400}|github_pat_\w{16,400}|glpat-[\w-]{16,400}"
    r"|xox[abeprs]-[\w-]{8,400}|(?:AKIA|ASIA)[A-Z0-9]{12,40}|AIza[\w-]{20,60}|hf_\w{16,100}|fsk_\w{8,200}"
    r"|eyJ[\w-]{10,2000}\.[\w-]{4,4000}(?:\.[\w-]{0,1000})?)"
)
"""Keys of well-known services, ours included, and JSON Web Tokens."""
_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")
_PEM_END = re.compile(r"-----END [A-Z ]{0,40}PRIVATE KEY-----")
_RANDOM = re.compile(
    r"([\"'])(?:(?=[^\"'\n]{0,400}[a-z])(?=[^\"'\n]{0,400}[A-Z])(?=[^\"'\n]{0,400}\d)[\w+/=-]{24,400}|[0-9a-f]{32,400})\1"
)
"""A string that is one long word of letters of both cases and digits, or of hexadecimal digits."""
_HOME = re.compile(r"(?i)(?:/home/|/users/|\b[a-z]:[\\/]{1,2}users[\\/]{1,2})[^\s\\/\"']{1,100}")


def redact_code(code: str) -> str:
    """Return code without passwords, keys, tokens and names of home directories; its lines stay where they are."""
    code = _IN_URL.sub(rf"\1{_HIDDEN}@", _hide_pem(code))
    code = _IN_QUERY.sub(rf"\1{_HIDDEN}", code)
    code = _ASSIGNED.sub(_hide_literal, code)
    code = _BARE.sub(rf"\1{_HIDDEN}", code)
    code = _KNOWN.sub(_HIDDEN, code)
    code = _RANDOM.sub(rf"\1{_HIDDEN}\1", code)
    return _HOME.sub("~", code)


def _hide_pem(code: str) -> str:
    """Return code without private keys; one that was cut reaches to the end."""
    parts: list[str] = []
    place = 0
    while begin := _PEM_BEGIN.search(code, place):
        end = _PEM_END.search(code, begin.end())
        stop = end.end() if end else len(code)
        parts += [code[place : begin.start()], _HIDDEN, "\n" * code.count("\n", begin.start(), stop)]
        place = stop
    return "".join((*parts, code[place:]))


def _hide_literal(match: re.Match[str]) -> str:
    lines = match[0].count("\n")
    return f"{match[1]}{match['q']}{_HIDDEN}{match['q']}" + "\n" * lines
