"""Passes starts, renames and ends of kernels to capture, to live figures and to the event streams. Server process."""

from __future__ import annotations

from ..model.sessions import Session
from .services.capture.capture import Capture
from .services.events.event_broker import SESSION_ENDED, SESSION_RENAMED, SESSION_STARTED, EventBroker
from .services.live.service import LiveService
from .services.sessions.kernels import KernelTracker
from .services.sessions.registered_kernels import RegisteredKernels
from .services.sessions.service_client import ServiceClient


def follow_own_kernels(
    kernels: KernelTracker,
    owner: str,
    events: EventBroker,
    live: LiveService,
    capture: Capture,
    service: ServiceClient | None,
) -> None:
    """Follow the kernels of this server, whose owner has them all; the service that knows them does too."""

    def announce(kind: str, kernel: str, notebook: str) -> None:
        events.announce(owner, kind, {"session": kernel, "notebook": notebook or None})

    kernels.on_start.append(lambda kernel, notebook: announce(SESSION_STARTED, kernel, notebook))
    kernels.on_rename.append(lambda kernel, old, new: live.registry.rename_notebook(owner, old, new))
    kernels.on_rename.append(lambda kernel, old, new: announce(SESSION_RENAMED, kernel, new))
    kernels.on_restart.append(capture.on_kernel_restarted)
    kernels.on_sweep.append(capture.on_sweep)
    kernels.on_restart.append(live.on_kernel_restarted)
    kernels.on_end.append(lambda kernel, notebook: live.on_kernel_ended(kernel))
    kernels.on_end.append(lambda kernel, notebook: capture.on_kernel_ended(kernel))
    kernels.on_end.append(lambda kernel, notebook: announce(SESSION_ENDED, kernel, notebook))
    if service is not None:
        kernels.on_rename.append(lambda kernel, old, new: service.follow(kernel, new, old))
        kernels.on_move.append(service.move)
        kernels.on_notebook.append(service.follow)
        kernels.on_end.append(lambda kernel, notebook: service.end(kernel))


def follow_registered_kernels(kernels: RegisteredKernels, events: EventBroker, live: LiveService) -> None:
    """Follow the kernels that users' servers report, each of its owner."""

    def announce(kind: str, session: Session) -> None:
        data = {"session": session.id, "notebook": session.notebook or None}
        events.announce(session.owner, kind, data)

    kernels.on_start.append(lambda session: announce(SESSION_STARTED, session))
    kernels.on_rename.append(lambda session, old: live.registry.rename_notebook(session.owner, old, session.notebook))
    kernels.on_rename.append(lambda session, old: announce(SESSION_RENAMED, session))
    kernels.on_end.append(lambda session: live.on_kernel_ended(session.id))
    kernels.on_end.append(lambda session: announce(SESSION_ENDED, session))
