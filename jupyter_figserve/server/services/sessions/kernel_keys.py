"""The keys of this server's kernels. Server process."""

from __future__ import annotations

import logging

from ....errors import Unavailable
from ....model.keys import KERNEL_SCOPES, Key, new_key
from ....model.links import hash_secret
from ....model.sessions import Session
from ....store.store import Store
from .kernel_start import STARTING

_log = logging.getLogger("jupyter_figserve")
KERNEL_KEY_TTL = 2 * 86_400.0
"""Lifetime of a kernel's key, in seconds after its server last reported the kernel alive."""


def _make_kernel_key(owner: str, now: float) -> tuple[Key, str]:
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
        kernel=STARTING,
    )
    return key, text


async def add_kernel_key(store: Store, owner: str) -> tuple[Key | None, str, str | None]:
    """Make and store a key for a kernel that is about to start.

    Returns
    -------
    key, text, reason
        The key and its text; or None, "" and why there is none: the kernel starts without it.
    """
    if store.read_only_because is not None:
        return None, "", store.read_only_because
    key, text = _make_kernel_key(owner, store.clock())
    try:
        await store.keys.add(key)
    except Unavailable as error:
        _log.warning("A kernel starts without a key for figserve: %s", error)
        return None, "", error.message.rstrip(".")
    return key, text, None


async def record_kernel(store: Store, session: Session, key: Key) -> None:
    """Record the session of a kernel that has started with a key, which is bound to it."""
    try:
        await store.sessions.record(session, key.id)
    except Unavailable as error:
        _log.warning("The kernel %s cannot publish figures, as it could not be recorded: %s", session.id, error)
