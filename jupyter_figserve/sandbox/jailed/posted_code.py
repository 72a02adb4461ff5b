"""Execution of posted code, and tracebacks with only its own frames. Jailed child."""

from __future__ import annotations

import ast
import gc
import inspect
import linecache
import sys
import traceback
import types
from dataclasses import dataclass, replace
from typing import Any

from . import ipython
from .hints import VEGA, find_hint
from .notebook_syntax import as_python

NAME = "<code>"
"""File name of the code in tracebacks."""
OWN_FILES = {NAME}
"""Files whose frames tracebacks show; the file of a live function is added."""
_LAST_VALUE = "__figserve_last__"
_MAX_MESSAGE_LENGTH = 2_000
_MAX_FRAMES = 40
_MAX_SOURCE_LENGTH = 2**20
"""Tracebacks show the lines of code up to this length."""
_MAX_TRACEBACK_LENGTH = 32_000


@dataclass(frozen=True)
class Failure:
    """An exception of the code; the fields are those of ``errors.CodeFailed``."""

    kind: str
    message: str
    line: int | None
    traceback: str


class CodeError(Exception):
    """Carries a failure to the caller."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def run(source: bytes) -> tuple[Any, dict[str, Any]]:
    """Run the code; return the value of its last expression (None for other statements) and its global variables.

    Raises
    ------
    CodeError
        The code raised an exception, or exited with an error.
    """
    module = types.ModuleType("__main__")
    names = module.__dict__
    # There is no such file, but scripts use the name to find data files and to write images.
    names["__file__"] = "figure.py"
    sys.modules["__main__"] = module
    sys.argv = ["figure.py"]
    try:
        code = _compile(source)
        ipython.install(names)
        _execute(code, names)
    except SystemExit as error:
        if error.code not in (None, 0):
            raise CodeError(_exit_failure(error)) from None
    except BaseException as error:
        raise CodeError(describe_failure(error, names)) from None
    return names.pop(_LAST_VALUE, None), names


def _execute(code: types.CodeType, names: dict[str, Any]) -> None:
    """Run a module; one with ``await`` at its top level runs in an event loop, as in a notebook."""
    if not code.co_flags & inspect.CO_COROUTINE:
        exec(code, names)  # noqa: S102  what the sandbox is for
        return
    import asyncio

    asyncio.run(eval(code, names))  # noqa: S307  gives the coroutine of the module


def describe_failure(error: BaseException, names: dict[str, Any] | None = None) -> Failure:
    """Describe an exception for the author of the code; out of memory, the code's variables are released for it."""
    try:
        return _failure(error)
    except MemoryError:
        traceback.clear_frames(error.__traceback__)
        if names is not None:
            names.clear()
        gc.collect()
        return _failure(error)


def _compile(source: bytes) -> types.CodeType:
    # As text: an encoding declaration is about the file that the code was copied from.
    text = source.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    if len(text) <= _MAX_SOURCE_LENGTH:
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
        target = ast.Name(_LAST_VALUE, ast.Store())
        tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
        ast.fix_missing_locations(tree)
    code: types.CodeType = compile(tree, NAME, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return code


def _failure(error: BaseException) -> Failure:
    hint = find_hint(error)
    _drop_foreign_frames(error)
    formatted = traceback.TracebackException.from_exception(error, compact=True)
    text = _cut("".join(formatted.format()), _MAX_TRACEBACK_LENGTH)
    message = _cut(_message(error), _MAX_MESSAGE_LENGTH)
    if hint == VEGA:
        # A panic's own message is about the engine's internals.
        message = hint
    elif hint:
        message = f"{message.rstrip('.')}. {hint}"
    return Failure(type(error).__name__, message, _line(error), text)


def _line(error: BaseException) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == NAME:
        return error.lineno
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last.tb_lineno if last is not None else None


def _drop_foreign_frames(error: BaseException) -> None:
    """Drop the frames of other files from an exception, from its causes and from the members of a group."""
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
    """Return the first and the last frames of the code; a recursion may have millions."""
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
        return f"its message is not available: {type(second).__name__}"


def _exit_failure(error: SystemExit) -> Failure:
    code = error.code if isinstance(error.code, (int, str)) else type(error.code).__name__
    return replace(_failure(error), message=_cut(f"The code called sys.exit({code!r}).", 500))


def _cut(text: str, limit: int) -> str:
    """Shorten a long text to its beginning and end."""
    if len(text) <= limit:
        return text
    half = limit // 2 - 10
    return f"{text[:half]}\n[...]\n{text[-half:]}"
