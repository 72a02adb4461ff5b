"""The result of a check: subject, state, explanation and fix. Any process."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Result:
    """The result of a check.

    Parameters
    ----------
    check
        Stable identifier of the check, for programs.
    subject
        What was checked, such as a URL or a path.
    says
        The explanation, in one sentence.
    mend
        The command or setting that fixes it; None if nothing has to be done.
    """

    check: str
    subject: str
    state: State
    says: str
    mend: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def ok(check: str, subject: str, says: str) -> Result:
    return Result(check, subject, "ok", says)


def note(check: str, subject: str, says: str, mend: str | None = None) -> Result:
    return Result(check, subject, "note", says, mend)


def wrong(check: str, subject: str, says: str, mend: str) -> Result:
    return Result(check, subject, "wrong", says, mend)
