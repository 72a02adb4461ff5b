"""Audit events: valid by their schema, without secrets, and no danger to what they report."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
import yaml
from jupyter_events import EventLogger

from jupyter_figserve.model import events
from jupyter_figserve.model.keys import Key
from jupyter_figserve.server import web
from jupyter_figserve.server.services.auth.principal import Principal
from jupyter_figserve.server.services.monitoring.audit import SCHEMA, SCHEMA_ID, AuditLog

KEY = Key("k1", "hash", "ada", frozenset({"publish"}), 0.0, kernel="kernel-1", label="of a kernel")
log = logging.getLogger("tests.audit")


@pytest.fixture
def validate():
    """Validates an event as Jupyter does."""
    events = EventLogger()
    events.register_event_schema(SCHEMA)
    return lambda event: events.schemas.validate_event(SCHEMA_ID, event)


def record(action: str, principal: Principal, **details: object) -> dict[str, object]:
    events: list[dict[str, object]] = []
    AuditLog(events.append, log).record(action, "thing-1", principal, "203.0.113.7", **details)
    (event,) = events
    return event


def test_an_event_says_who_did_what_and_when(validate):
    """The person, the key and its kernel, by their ids."""
    event = record("link.created", Principal("ada", KEY.scopes, KEY), target="figure/f1", audience="link")
    validate(event)
    assert str(event.pop("time")).endswith("Z")
    assert event == {
        "action": "link.created",
        "id": "thing-1",
        "person": "ada",
        "owner": "ada",
        "key": "k1",
        "kernel": "kernel-1",
        "address": "203.0.113.7",
        "target": "figure/f1",
        "audience": "link",
    }


def test_a_login_has_no_key(validate):
    """A guest's name is not that of the owner."""
    event = record("figure.deleted", Principal("ada", frozenset(), person="bob"))
    validate(event)
    assert (event["person"], event["owner"], event["key"], event["kernel"]) == ("bob", "ada", None, None)


def test_a_listener_that_fails_does_not_fail_the_act(caplog):
    """The log has the event all the same."""

    def fail(event: object) -> None:
        raise OSError("disk full")

    caplog.set_level(logging.INFO)
    AuditLog(fail, log).record("key.revoked", "k2", Principal("ada", frozenset()), "::1")
    assert "Audit: key.revoked k2 by ada (login) from ::1." in caplog.messages
    assert "disk full" in caplog.text


def test_the_schema_knows_no_other_field(validate):
    """So that a secret cannot slip in under a new name."""
    event = record("key.created", Principal("ada", frozenset()), secret="fsk_1_2")
    with pytest.raises(Exception, match="Additional properties"):
        validate(event)


def test_the_schema_has_every_act():
    """Those that the handlers record, and no others."""
    texts = [path.read_text() for path in Path(web.__file__).parent.rglob("*.py")]
    recorded = {act for text in texts for act in re.findall(r'"([a-z]+\.[a-z_]+)"', text)}
    # Acts that are events too have constants.
    constants = {name: act for name, act in vars(events).items() if isinstance(act, str) and name.isupper()}
    recorded |= {constants[name] for text in texts for name in re.findall(r"\b[A-Z_]+\b", text) if name in constants}
    known = set(yaml.safe_load(SCHEMA.read_text())["properties"]["action"]["enum"])
    kinds = {act.partition(".")[0] for act in known}
    assert {act for act in recorded if act.partition(".")[0] in kinds} == known
