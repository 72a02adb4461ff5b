"""The environment that a kernel is started with. Server process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ....model.environment_variables import (
    KERNEL_CA_VARIABLE,
    KERNEL_KEY_VARIABLE,
    KERNEL_PLOTS_VARIABLE,
    KERNEL_PREFIX,
    KERNEL_URL_VARIABLE,
    LOCAL_CA_VARIABLE,
    LOCAL_KEY_VARIABLE,
    LOCAL_URL_VARIABLE,
    READ_ONLY_VARIABLE,
    SIGNING_VARIABLE,
    WORKER_KEY_VARIABLE,
)
from ..addresses import ServerAddresses
from .service_client import ServicePair


def _find_own_authority(base: Mapping[str, str]) -> str | None:
    """Return what the administrator has set for this server's kernels.

    In a server that was started in a kernel of another server, it is that server's, and not for kernels of this one.
    """
    for environment in (base, os.environ):
        if KERNEL_KEY_VARIABLE not in environment and environment.get(KERNEL_CA_VARIABLE):
            return environment[KERNEL_CA_VARIABLE]
    return None


def make_environment(
    given: dict[str, str] | None,
    key: str,
    directory: Path | None,
    addresses: ServerAddresses,
    *,
    is_through_gateway: bool,
    read_only_because: str | None = None,
    service: ServicePair | None = None,
) -> dict[str, str]:
    """Return the environment of a kernel.

    Names that begin with ``KERNEL_`` pass a Gateway. Without one, it replaces this process's, so it has to be complete.

    Parameters
    ----------
    given
        The environment that the caller passes, or None.
    key
        Text of the kernel's key, "" without one.
    directory
        Where the kernel may put files.
    read_only_because
        Why there is no key; the kernel says so when it is to publish.
    service
        The service of a JupyterHub with which the kernel is registered, and to which it publishes.
    """
    base = given if given is not None else ({} if is_through_gateway else dict(os.environ))
    ours = _make_pairs(key, addresses, service)
    if service is None and read_only_because is not None:
        ours[READ_ONLY_VARIABLE] = read_only_because
    certificate = _find_own_authority(base) or (None if is_through_gateway else addresses.kernel_certificate())
    if ours and certificate:
        is_own = service is not None and certificate == addresses.kernel_certificate()
        ours[LOCAL_CA_VARIABLE if is_own else KERNEL_CA_VARIABLE] = certificate
    if directory is not None:
        ours[KERNEL_PLOTS_VARIABLE] = str(directory)
    # Without the variables of a server in whose kernel this one was started, and without this server's secrets.
    withheld = (KERNEL_PREFIX, SIGNING_VARIABLE, WORKER_KEY_VARIABLE)
    return {name: value for name, value in base.items() if not name.startswith(withheld)} | ours


def _make_pairs(key: str, addresses: ServerAddresses, service: ServicePair | None) -> dict[str, str]:
    """Return the addresses and keys with which a kernel publishes, and finds what it displayed."""
    own = addresses.for_kernels()
    if service is None:
        return {KERNEL_URL_VARIABLE: own, KERNEL_KEY_VARIABLE: key} if key else {}
    local = {LOCAL_URL_VARIABLE: own, LOCAL_KEY_VARIABLE: key} if key else {}
    return {KERNEL_URL_VARIABLE: service.url, KERNEL_KEY_VARIABLE: service.key, **local}
