"""Whether a version's source can be rendered again: the result of a trial in the sandbox. Any process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

REDRAWS_HEADER = "X-Figserve-Redraws"
"""Header of the response to a source: ``kernel`` where the server has no sandbox and asks the kernel that made it."""
ALL_FORMATS = "*"
"""In ``problems``: the source cannot be rendered in any format."""
DIFFERENT = "different"
"""Code of a problem: the source is rendered to another picture than was published."""


@dataclass(frozen=True)
class SourceProblem:
    """The reason why a source cannot be rendered.

    Parameters
    ----------
    code
        Kind of the reason; see ``PUBLIC_REASONS``.
    reason
        A sentence for the owner.
    """

    code: str
    reason: str

    @property
    def public_reason(self) -> str:
        """The same for visitors, without anything of the author's code."""
        return PUBLIC_REASONS.get(self.code, PUBLIC_REASONS["failed"])


PUBLIC_REASONS = {
    "version_mismatch": "The figure was made with another version of matplotlib than this server has.",
    "module_missing": "The figure needs a library that this server does not have.",
    "too_large": "The figure is too large.",
    "too_slow": "Rendering the figure takes too long.",
    "no_sandbox": "This server cannot render figures.",
    "no_kernel": "This server has no sandbox, and the notebook is not running.",
    "unchecked": "The server is still testing it. Reload the page in a moment.",
    "not_redrawable": "The figure was published without its source.",
    "format_missing": "This server cannot write this format.",
    DIFFERENT: "Drawn again, the figure would not look as it was published.",
    "failed": "This server cannot render the figure again.",
}


@dataclass(frozen=True)
class SourceCheck:
    """The result of rendering a source in the sandbox.

    Parameters
    ----------
    sandbox
        The sandbox's libraries with their versions; with others, the check is repeated.
    checked
        Time of the check, in seconds since the epoch.
    problems
        What failed, by the name of a format, or for ``ALL_FORMATS``; empty when everything worked.
    """

    sandbox: str
    checked: float
    problems: Mapping[str, SourceProblem] = field(default_factory=dict)

    def find_problem(self, format: str) -> SourceProblem | None:
        return self.problems.get(ALL_FORMATS) or self.problems.get(format)

    def as_json(self) -> dict[str, Any]:
        problems = {name: [problem.code, problem.reason] for name, problem in self.problems.items()}
        return {"sandbox": self.sandbox, "checked": self.checked, "problems": problems}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        problems = {name: SourceProblem(*problem) for name, problem in data["problems"].items()}
        return cls(data["sandbox"], data["checked"], problems)
