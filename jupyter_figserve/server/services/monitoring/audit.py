"""Audit events: who did what to which thing, for the log and for Jupyter's event system. Server process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ....model.times import rfc3339
from ..auth.principal import Principal

SCHEMA_ID = "https://events.jupyter.org/jupyter_figserve/audit/v1"
SCHEMA = Path(__file__).with_name("audit_schema.yaml")
Emit = Callable[[dict[str, Any]], object]


class AuditLog:
    """Records each act as one event of ``SCHEMA``, and one line of the log.

    Parameters
    ----------
    emit
        Passes an event on to the listeners and files that the site has configured.
    """

    def __init__(self, emit: Emit, log: logging.Logger) -> None:
        self._emit = emit
        self._log = log

    def record(self, action: str, thing: str, principal: Principal, address: str, **details: object) -> None:
        """Record an act that has been done.

        Parameters
        ----------
        action
            One of the schema.
        thing
            The id of what was acted on; never a secret.
        address
            The client's IP address.
        details
            Further fields of the schema.
        """
        event = {
            "action": action,
            "id": thing,
            "time": rfc3339(time.time()),
            "person": principal.person,
            "owner": principal.owner,
            "key": principal.key.id if principal.key else None,
            "kernel": principal.kernel,
            "address": address,
            **details,
        }
        caller = f"key {principal.key.id}" if principal.key else "login"
        what = f"{thing} of {details['owned_by']}" if "owned_by" in details else thing
        # What is published has a line of the access log; the other acts are found by this one.
        level = logging.DEBUG if action.endswith(".published") else logging.INFO
        self._log.log(level, "Audit: %s %s by %s (%s) from %s.", action, what, principal.person, caller, address)
        try:
            self._emit(event)
        except Exception:
            # What was done is done: a full disk under the site's file must not make its answer a failure.
            self._log.exception("figserve could not pass on the audit event %s of %s", action, thing)
