"""Runs posted code as a person would run it, and tells what it raised in its own lines alone. Sandbox, child side."""

from __future__ import annotations

import ast
import gc
import linecache
import sys
import traceback
import types
from dataclasses import dataclass, replace
from typing import Any

from .hints import find_hint
from .notebook_syntax import as_python

NAME = "<code>"
"""What tracebacks call the code."""
OWN_FILES = {NAME}
"""Whose frames belong into a traceback; a live function's file comes to it."""
_LAST = "__figserve_last__"
_MESSAGE_LENGTH = 2_000
_MAX_FRAMES = 40
_MAX_SHOWN = 2**20
"""Characters of code, up to which tracebacks show its lines."""
_TRACEBACK_LENGTH = 32_000


@dataclass(frozen=True)
class Failure:
    """What the code raised; fields as of ``errors.CodeFailed``."""

    kind: str
    message: str
    line: int | None
    traceback: str


class CodeError(Exception):
    """Carries a failure to whoever answers."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def run(source: bytes) -> tuple[Any, dict[str, Any]]:
    """The value of the last expression (None when the last statement is none), and the names that the code made.

    Raises
    ------
    CodeError
        With whatever ended the code, but an exit with success.
    """
    module = types.ModuleType("__main__")
    names = module.__dict__
    # Not a file, but where scripts look for what lies beside them and write their pictures.
    names["__file__"] = "figure.py"
    sys.modules["__main__"] = module
    sys.argv = ["figure.py"]
    try:
        code = _compile(source)
        exec(code, names)  # noqa: S102  what the sandbox is for
    except SystemExit as error:
        if error.code not in (None, 0):
            raise CodeError(_exit_failure(error)) from None
    except BaseException as error:
        raise CodeError(to_code_failed(error, names)) from None
    return names.pop(_LAST, None), names


def to_code_failed(error: BaseException, names: dict[str, Any] | None = None) -> Failure:
    """The error as the code's author needs it; where memory is out, the code's own is given up for it."""
    try:
        return _failure(error)
    except MemoryError:
        traceback.clear_frames(error.__traceback__)
        if names is not None:
            names.clear()
        gc.collect()
        return _failure(error)


def _compile(source: bytes) -> types.CodeType:
    # As text: a line that names an encoding is about the file that the code was copied from.
    text = source.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    if len(text) <= _MAX_SHOWN:
        linecache.cache[NAME] = (len(text), None, text.splitlines(keepends=True), NAME)
    try:
        tree = ast.parse(text, NAME)
    except SyntaxError:
        plain = as_python(text)
        if plain == text:
            raise
        tree = ast.parse(plain, NAME)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        target = ast.Name(_LAST, ast.Store())
        tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
        ast.fix_missing_locations(tree)
    return compile(tree, NAME, "exec", dont_inherit=True)


def _failure(error: BaseException) -> Failure:
    hint = find_hint(error)
    _keep_own_frames(error)
    told = traceback.TracebackException.from_exception(error, compact=True)
    text = _cut("".join(told.format()), _TRACEBACK_LENGTH)
    message = _cut(_message(error), _MESSAGE_LENGTH)
    return Failure(type(error).__name__, f"{message.rstrip('.')}. {hint}" if hint else message, _line(error), text)


def _line(error: BaseException) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == NAME:
        return error.lineno
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last.tb_lineno if last is not None else None


def _keep_own_frames(error: BaseException) -> None:
    """Of the error, of those that led to it, and of those in a group."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = _own_frames(one.__traceback__)
        others = [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]
        waiting += [other for other in others if other is not None]


def _own_frames(link: types.TracebackType | None) -> types.TracebackType | None:
    """The first and the last ones: after a recursion there may be millions."""
    own: list[types.TracebackType] = []
    while link is not None:
        if link.tb_frame.f_code.co_filename in OWN_FILES:
            own.append(link)
            if len(own) > 2 * _MAX_FRAMES:
                del own[_MAX_FRAMES]
        link = link.tb_next
    kept = None
    for one in reversed(own):
        kept = types.TracebackType(kept, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return kept


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:
        return f"its text cannot be told: {type(second).__name__}"


def _exit_failure(error: SystemExit) -> Failure:
    code = error.code if isinstance(error.code, (int, str)) else type(error.code).__name__
    return replace(_failure(error), message=_cut(f"The code ended itself with sys.exit({code!r}).", 500))


def _cut(text: str, limit: int) -> str:
    """Beginning and end of a long text."""
    if len(text) <= limit:
        return text
    half = limit // 2 - 10
    return f"{text[:half]}\n[...]\n{text[-half:]}"
