"""Finds kernels on their control channels while their agents are not connected. Server process."""

from __future__ import annotations

from ..single_flight import SingleFlight
from .backends.backend import KernelBackend
from .backends.control_channels import ControlChannels
from .registry import LiveRegistry


class ChannelDiscovery:
    """Registers what kernels offer on their control channels.

    Parameters
    ----------
    owner
        Owner of the kernels that are found.
    channels
        None disables it.
    """

    def __init__(self, registry: LiveRegistry, owner: str, channels: ControlChannels | None) -> None:
        self._registry = registry
        self._owner = owner
        self._channels = channels
        self._running: SingleFlight[None] = SingleFlight()
        registry.on_change.append(self._on_change)

    async def find(self, kernel: str) -> KernelBackend | None:
        """Return the backend of a kernel; one whose agent is not connected is queried, by one request for all."""
        channels, backend = self._channels, self._registry.find_backend(kernel)
        if channels is not None and (backend is None or backend.is_stand_in):
            await self._running.run(kernel, lambda _: self._discover(kernel, channels))
        return self._registry.find_backend(kernel)

    def forget(self, kernel: str) -> None:
        """Close the control channel of a kernel; the next one may answer at once."""
        if self._channels is not None:
            self._channels.forget(kernel)

    def close(self) -> None:
        if self._channels is not None:
            self._channels.close()

    async def _discover(self, kernel: str, channels: ControlChannels) -> None:
        self._running.commit(kernel)
        discovered = await channels.discover(kernel)
        if discovered is not None:
            try:
                await self._registry.register(self._owner, kernel, *discovered)
            except Exception as error:
                # The agent has connected meanwhile, so that the channel is not needed; or the catalog is read-only.
                channels.give_up(kernel, error)
        self._on_change(kernel)

    def _on_change(self, kernel: str) -> None:
        """Query a kernel whose agent is connected as soon as it is not, however long it was silent before."""
        backend = self._registry.find_backend(kernel)
        if backend is not None and not backend.is_stand_in:
            self.forget(kernel)
