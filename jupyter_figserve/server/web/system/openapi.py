"""The OpenAPI document, with the current live figures for callers that may render them. Server process.

The document is a file. The operations of the live figures are inserted into its text, before its components: parsing
and serialising it would block the loop for a third of a second. JSON is YAML, except for a few characters and long
keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from jupyter_server.auth.decorator import allow_unauthenticated

from ....model.keys import READ
from ....model.parameter import Parameter
from ...services.live.registry import LiveTarget
from ..http import security_headers
from ..http.optional_caller import CREDENTIALS, OptionalCallerHandler
from ..http.templates import PACKAGE
from ..live.handlers import list_visible_targets

MAX_LIVE = 200
"""Maximum number of live figures in the document; ``?session`` selects those of one kernel."""
_COMPONENTS = "\ncomponents:\n"
_STRING_OR_EXPONENT = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![.\d])(-?\d+)(e[+-]\d+)')
_RESPONSES = {
    "200": "LiveImage",
    "206": "PartOfFigure",
    "304": "NotModified",
    "400": "Malformed",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "NotFound",
    "413": "TooLarge",
    "415": "UnsupportedType",
    "416": "RangeNotSatisfiable",
    "422": "LiveFailed",
    "429": "TooManyRequests",
    "500": "InternalError",
    "503": "Unavailable",
    "504": "DeadlineExceeded",
}


class OpenApiHandler(OptionalCallerHandler):
    """``/api/openapi.yaml``."""

    @allow_unauthenticated
    async def get(self) -> None:
        caller = await self.find_caller()
        session = self.get_query_argument("session", None)
        targets = [] if caller is None else await list_visible_targets(self.context, caller, session)
        cache_control = "private, no-store" if self.has_credentials else "public, max-age=3600"
        self.replace_headers(
            security_headers.JSON_HEADERS | {"Cache-Control": cache_control, "Vary": ", ".join(CREDENTIALS)}
        )
        self.set_header("Content-Type", "application/yaml; charset=utf-8")
        self.finish(_document(targets[:MAX_LIVE]))

    head = get


def _document(targets: Sequence[LiveTarget]) -> str:
    """Return the document with an operation for each of these live figures."""
    taken: set[str] = set()
    entries = []
    for target in targets:
        path = f"/live/{'f' if target.kernel is None else quote(target.kernel, safe='')}"
        path += f"/{quote(target.record.id if target.kernel is None else target.record.name, safe='')}.{{ext}}"
        operation = describe(target, _make_id(target.record.name, taken))
        entries.append(f"  ? {_yaml(path)}\n  : {_yaml({'get': operation})}\n")
    before, after = _read_parts()
    return f"{before}\n{''.join(entries)}{_COMPONENTS}{after}"


def describe(target: LiveTarget, operation_id: str) -> dict[str, Any]:
    """Return the operation that renders a live figure."""
    declaration, notebook = target.declaration, target.record.identity.notebook
    sizes = [{"$ref": f"#/components/parameters/{name.capitalize()}"} for name in declaration.sizes]
    shared = [{"$ref": f"#/components/parameters/{name}"} for name in ("Suffix", "IfNoneMatch", "Range")]
    return {
        "operationId": operation_id,
        "tags": ["live"],
        "summary": declaration.heading,
        "description": declaration.description or f"A live figure of {notebook or 'a kernel'}.",
        "x-scopes": list(READ),
        "parameters": [*(_describe_parameter(item) for item in declaration.parameters.items), *sizes, *shared],
        "responses": {status: {"$ref": f"#/components/responses/{name}"} for status, name in _RESPONSES.items()},
    }


def _describe_parameter(item: Parameter) -> dict[str, Any]:
    described = {
        "name": item.name,
        "in": "query",
        "required": item.is_required,
        "description": f"{item.allowed[:1].upper()}{item.allowed[1:]}.",
        "schema": item.schema(),
    }
    return described | ({"style": "form", "explode": False} if item.many else {})


def _make_id(name: str, taken: set[str]) -> str:
    """Return a readable and unique operation id, which client generators use as a function's name."""
    plain = "live_" + (re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "figure")
    candidates = (plain if n == 1 else f"{plain}_{n}" for n in range(1, MAX_LIVE + 2))
    free = next(one for one in candidates if one not in taken)
    taken.add(free)
    return free


def _yaml(value: Any) -> str:
    """Return JSON that is valid YAML: without characters that YAML forbids, and without numbers such as 1e-05."""
    text = re.sub(r"[^ -~]", lambda match: f"\\U{ord(match[0]):08x}", json.dumps(value, ensure_ascii=False))
    return _STRING_OR_EXPONENT.sub(lambda match: f"{match[1]}.0{match[2]}" if match[1] else match[0], text)


@lru_cache(maxsize=1)
def _read_parts() -> tuple[str, str]:
    text = (PACKAGE / "openapi.yaml").read_text(encoding="utf-8")
    before, found, after = text.partition(_COMPONENTS)
    assert found, "openapi.yaml has a components section"
    return before, after
