"""Log messages as JSON, one object a line. Server process."""

from __future__ import annotations

import json
import logging
from typing import Any

from ..model.times import rfc3339

TEXT, JSON = "text", "json"
LINE_FORMAT = "%(color)s[%(levelname)1.1s %(asctime)s.%(msecs).03d %(name)s]%(end_color)s %(message)s"
"""Format of Jupyter's own log lines."""


class JsonFormatter(logging.Formatter):
    """Formats records as JSON: time, level, logger, message, exception, and the fields of the access log.

    Parameters
    ----------
    others
        Formats the records that are not of the access log; None for JSON.
    """

    def __init__(self, others: logging.Formatter | None = None) -> None:
        super().__init__()
        self._others = others

    def format(self, record: logging.LogRecord) -> str:
        access: dict[str, object] | None = getattr(record, "figserve_access", None)
        if access is None and self._others is not None:
            return self._others.format(record)
        fields: dict[str, object] = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage() if access is None else "access",
            **(access or {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


def use_json(logging_config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration of ``logging`` whose console writes JSON, also for loggers of libraries."""
    formatters = logging_config["formatters"] | {"console": {"()": JsonFormatter}}
    root = {"level": "WARNING", "handlers": ["console"]} if "handlers" in logging_config else {}
    return logging_config | {"formatters": formatters, "root": root}


def use_json_for_access(log: logging.Logger, formatter_class: type[logging.Formatter]) -> None:
    """Write the access log as JSON where a logger's handlers have Jupyter's own formatter."""
    for handler in log.handlers:
        if type(handler.formatter) is formatter_class:
            handler.setFormatter(JsonFormatter(handler.formatter))
