"""One finding of the doctor's: about what, how it is, and what mends it. Any process."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Result:
    """A finding.

    Parameters
    ----------
    check
        What was looked at, a stable word for programs.
    subject
        Which one of its kind.
    says
        A sentence.
    mend
        The one command or setting that mends it, None where nothing is to do.
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
