"""The workers that a server knows of, and what they can do together. Server process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..host.results import clean_text, parse_libraries
from ..renderer import RendererStatus, Tier
from .answers import PROTOCOL

_ORDER: tuple[Tier, ...] = ("none", "STRICT", "NS", "FULL")
_MAX_SLOTS = 4_096
_MAX_WORKERS = 1_000
_MAX_TEXT = 300
_MAX_MISSED = 2


@dataclass(frozen=True)
class WorkerReport:
    """What a worker says about itself.

    Parameters
    ----------
    refusal
        Why this server does not use it; None if it does.
    """

    id: str
    slots: int
    status: RendererStatus
    refusal: str | None = None


def read_report(values: object, *, allow_unsandboxed: bool) -> WorkerReport | None:
    """Return a worker's report; None where the values are no report of a worker."""
    if not isinstance(values, Mapping) or not isinstance(values.get("worker"), str):
        return None
    slots, tier = values.get("slots"), values.get("tier")
    if type(slots) is not int or not 1 <= slots <= _MAX_SLOTS or tier not in _ORDER:
        return None
    status = RendererStatus(
        tier,
        _texts(values.get("why")),
        parse_libraries(values.get("libraries")),
        _texts(values.get("unsupported")),
        values.get("is_unsandboxed") is True,
    )
    worker = clean_text(values["worker"], 40, keep_lines=False)
    return WorkerReport(worker, slots, status, _find_refusal(values, status, allow_unsandboxed))


def _find_refusal(values: Mapping[str, object], status: RendererStatus, allow_unsandboxed: bool) -> str | None:
    if values.get("protocol") != PROTOCOL:
        return "A render worker runs another version of jupyter_figserve; install the version of this server there."
    if values.get("state") != "ready":
        reasons = " ".join(status.reasons) if values.get("state") == "unavailable" else ""
        return f"A render worker is {clean_text(values.get('state'), 20) or 'not ready'}. {reasons}".strip()
    if status.tier == "none" and not (status.is_unsandboxed and allow_unsandboxed):
        return " ".join(("A render worker has no sandbox, so this server sends it no code.", *status.reasons))
    return None


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        return ()
    return tuple(clean_text(value, _MAX_TEXT, keep_lines=False) for value in values[:20] if isinstance(value, str))


class Fleet:
    """Reports of workers, which expire when their worker is seen no more.

    A load balancer shows one worker at a time, so that the fleet is known from several requests, a sweep.

    Parameters
    ----------
    name
        Name of the renderer.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._sweep = 0
        self._reports: dict[str, tuple[int, WorkerReport]] = {}
        self._fault: str | None = None

    def begin_sweep(self) -> None:
        """Forget the workers that the last two sweeps have not seen."""
        self._sweep += 1
        self._reports = {name: each for name, each in self._reports.items() if each[0] >= self._sweep - _MAX_MISSED}

    def record(self, report: WorkerReport) -> bool:
        """Keep a report; return whether this sweep had not seen its worker yet."""
        self._fault = None
        is_new = self._reports.get(report.id, (0, None))[0] < self._sweep
        if report.id in self._reports or len(self._reports) < _MAX_WORKERS:
            self._reports[report.id] = self._sweep, report
        return is_new

    def replace(self, reports: Iterable[WorkerReport]) -> None:
        """Keep these reports alone."""
        self._reports = {}
        for report in reports:
            self.record(report)

    def record_fault(self, fault: str) -> None:
        """Record why no worker could be asked; those that were known are forgotten."""
        self._reports = {}
        self._fault = fault

    @property
    def workers(self) -> list[WorkerReport]:
        """The workers that can be used."""
        return [report for _, report in self._reports.values() if report.refusal is None]

    @property
    def status(self) -> RendererStatus:
        """What the workers can do together: the weakest tier, the sum of the slots."""
        workers = sorted(self.workers, key=lambda report: report.id)
        refusals = [report.refusal for _, report in self._reports.values() if report.refusal is not None]
        if not workers:
            fault = self._fault or (None if refusals else "No render worker has answered yet; ask again in a moment.")
            return RendererStatus("none", (*([fault] if fault else []), *_unique(refusals)), name=self._name, slots=0)
        first = workers[0].status
        reasons = [*refusals, *(reason for report in workers for reason in report.status.reasons)]
        if differing := _find_differences([report.status.libraries for report in workers]):
            reasons.append(f"The render workers have different versions of {differing}, so that images may differ.")
        return RendererStatus(
            min((report.status.tier for report in workers), key=_ORDER.index),
            _unique(reasons),
            first.libraries,
            tuple(sorted({name for report in workers for name in report.status.unsupported})),
            any(report.status.is_unsandboxed for report in workers),
            name=self._name,
            slots=sum(report.slots for report in workers),
            workers=tuple((report.status.tier, report.slots) for report in workers),
        )


def _unique(sentences: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentences))


def _find_differences(libraries: list[Mapping[str, str]]) -> str:
    names = sorted({name for versions in libraries for name in versions})
    return ", ".join(name for name in names if len({versions.get(name) for versions in libraries}) > 1)
