"""The key and the environment that a kernel is started with. Server process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ....model.keys import KERNEL_SCOPES, Key, new_key
from ....model.links import hash_secret
from ..addresses import ServerAddresses
from ..auth.signing_secrets import VARIABLE

KERNEL_KEY_TTL = 2 * 86_400.0
"""Lifetime of a kernel's key, in seconds after its server last reported the kernel alive."""


def make_kernel_key(owner: str, now: float) -> tuple[Key, str]:
    """Return a new key for a kernel that has no id yet, and the key's text."""
    key_id, secret, text = new_key()
    key = Key(
        id=key_id,
        secret_hash=hash_secret(secret),
        owner=owner,
        scopes=KERNEL_SCOPES,
        created=now,
        expires=now + KERNEL_KEY_TTL,
        label="kernel",
        # Usable only once the kernel has an id: nobody has the secret before.
        kernel="starting",
    )
    return key, text


def _find_own_authority(base: Mapping[str, str]) -> str | None:
    """Return what the administrator has set for this server's kernels.

    In a server that was started in a kernel of another server, it is that server's, and not for kernels of this one.
    """
    for environment in (base, os.environ):
        if "KERNEL_FIGSERVE_KEY" not in environment and environment.get("KERNEL_FIGSERVE_CA"):
            return environment["KERNEL_FIGSERVE_CA"]
    return None


def make_environment(
    given: dict[str, str] | None,
    key: str,
    directory: Path | None,
    addresses: ServerAddresses,
    *,
    is_through_gateway: bool,
    read_only_because: str | None = None,
) -> dict[str, str]:
    """Return the environment of a kernel.

    Names that begin with ``KERNEL_`` pass a Gateway. Without one, an environment replaces the whole of this process's,
    so it has to be complete.

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
    """
    base = given if given is not None else ({} if is_through_gateway else dict(os.environ))
    ours = {"KERNEL_FIGSERVE_URL": addresses.for_kernels(), "KERNEL_FIGSERVE_KEY": key} if key else {}
    if read_only_because is not None:
        ours["KERNEL_FIGSERVE_READ_ONLY"] = read_only_because
    certificate = _find_own_authority(base) or (None if is_through_gateway else addresses.kernel_certificate())
    if ours and certificate:
        ours["KERNEL_FIGSERVE_CA"] = certificate
    if directory is not None:
        ours["KERNEL_FIGSERVE_PLOTS"] = str(directory)
    # A server that was started in a kernel of another server does not pass that server's variables on.
    # Nor does a kernel need the server's signing secret.
    kept = {name: value for name, value in base.items() if not name.startswith("KERNEL_FIGSERVE_") and name != VARIABLE}
    return kept | ours
