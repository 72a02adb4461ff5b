"""What the extension changes in Jupyter's web application besides its own routes. Server process."""

from __future__ import annotations

import logging
from typing import Any

from tornado.routing import AnyMatches, Rule

from .context import AppContext
from .http.access_log import redact_other_lines
from .links.ready_image_router import ReadyImageRouter


def prepare_web_app(web_app: Any, context: AppContext, log: logging.Logger) -> None:
    """Redact the log lines of other handlers, and have images that are ready answered ahead of the routes."""
    redact_other_lines(web_app.settings)
    web_app.add_handlers(".*$", [Rule(AnyMatches(), ReadyImageRouter(web_app, context, log))])
