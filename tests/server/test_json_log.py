"""The log as JSON: one object a line, whatever is logged."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest
from tornado.log import LogFormatter
from traitlets import TraitError

from jupyter_figserve.server.app import FigServe
from jupyter_figserve.server.json_log import JsonFormatter, use_json_for_access

LINE = JsonFormatter()


def record(message: str = "access method=GET", *args: object, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("FigServe", logging.WARNING, "x.py", 1, message, args, more.pop("exc_info", None))
    made.created = 1_800_000_000.25
    made.__dict__.update(more)
    return made


def test_a_message_is_one_line():
    """Line breaks and quotes, with which a line could be forged, are escaped."""
    line = LINE.format(record('%s"\n{"level": "info"}', "ü"))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "logger": "FigServe",
        "message": 'ü"\n{"level": "info"}',
    }


def test_an_exception_is_a_field():
    """With its traceback, in the same line."""
    try:
        raise ValueError("wrong")
    except ValueError:
        line = LINE.format(record("failed", exc_info=sys.exc_info()))
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: wrong")


def test_a_request_has_its_fields():
    """Those of the access log, with their types."""
    line = LINE.format(record(figserve_access={"method": "GET", "status": 200, "ms": 1.8, "ip": "::1"}))
    found = json.loads(line)
    assert (found["message"], found["status"], found["ms"], found["ip"]) == ("access", 200, 1.8, "::1")


def test_in_an_extension_only_requests_are_json():
    """Messages of Jupyter stay as they are, and so do the formatters that a site chose itself."""
    log = logging.Logger("ServerApp")
    own = logging.Formatter("%(message)s")
    for formatter in (LogFormatter(color=False), own):
        handler = logging.StreamHandler()
        handler.setFormatter(formatter)
        log.addHandler(handler)
    use_json_for_access(log, LogFormatter)
    ours, sites = (handler.formatter for handler in log.handlers)
    assert ours is not None
    assert sites is own
    assert json.loads(ours.format(record(figserve_access={"status": 200})))["status"] == 200
    assert ours.format(record("Serving")).endswith("] Serving")


def test_an_unknown_format_is_refused():
    """With the ones that there are; formats of Python's logging are kept."""
    with pytest.raises(TraitError, match="'text' nor 'json'"):
        FigServe(log_format="jsn")
    assert FigServe(log_format="%(message)s").log_format == "%(message)s"
