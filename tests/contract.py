"""Check responses against the OpenAPI document."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from jupyter_figserve.model.link_addresses import parse_link_address
from jupyter_figserve.server.web.http.templates import PACKAGE

METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
SAMPLES = {
    "path": "cell-1.png",
    "ext": "png",
    "number": "1",
    "token": "t" * 32,
    "file": "copy.js",
    "digest": "0" * 16,
    "place": "1-1",
}
"""What stands for a path parameter where "abc123" would not match its route."""
_URI = "urn:openapi"
_PARAMETER = re.compile(r"\{(\w+)\}")


def load_yaml(text: bytes) -> Any:
    """Load YAML by libyaml, where it is installed: ten times as fast."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = load_yaml((PACKAGE / "openapi.yaml").read_bytes())
    return loaded


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path template, method in capitals and operation of each."""
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method.upper(), item[method]


def sample(path: str) -> str:
    """A path template with a sample for each parameter."""
    return _PARAMETER.sub(lambda match: SAMPLES.get(match[1], "abc123"), path)


def find_path(path: str) -> str | None:
    """The template of a path below our prefix; the one with the fewest parameters, then the longest, wins."""
    found = [template for template in document()["paths"] if _pattern(template).fullmatch(path)]
    return min(found, key=lambda template: (template.count("{"), -len(template)), default=None)


def _without_additions(path: str) -> str:
    """Return a path as it is documented: without what programs add to addresses, which is served too."""
    address = parse_link_address(path.removeprefix("/f/")) if path.startswith("/f/") else None
    if address is None:
        return path.rstrip("/") or "/"
    part = f"/{address.part}" if address.part else "/1-1" if address.name else ""
    return f"/f/{address.token}{part}" + (f".{address.suffix}" if address.suffix else "")


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Hold an answer against the document: its status, type, headers, and its body where that is JSON.

    Parameters
    ----------
    path
        Below our prefix, without the query.
    """
    described = _response(method, _without_additions(path), status)
    _check_headers(described, headers)
    if method == "HEAD" or status in (204, 304):
        assert body == b"", f"{method} {path}: {status} has a body"
        return
    content = described.get("content", {})
    mimetype = headers.get("Content-Type", "").partition(";")[0]
    row = next((content[kind] for kind in content if fnmatch.fnmatch(mimetype, kind)), None)
    if not content:
        assert body == b"", f"{method} {path}: {status} should have no body"
        return
    assert row is not None, f"{method} {path}: {status} is not documented as {mimetype!r}"
    if mimetype == "application/json":
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        if "schema" in row:  # A part of a document has none.
            check_schema(row["schema"], json.loads(body))


def check_schema(schema: Mapping[str, Any] | str, value: Any) -> None:
    """Hold ``value`` against a schema of the document, or against the one of this name."""
    if isinstance(schema, str):
        schema = {"$ref": f"#/components/schemas/{schema}"}
    found = sorted(_validator(json.dumps(schema)).iter_errors(value), key=str)
    assert not found, "\n".join(f"{error.json_path}: {error.message}" for error in found)


def _response(method: str, path: str, status: int) -> dict[str, Any]:
    """The document's response for this status; other paths are 404, and other methods 405 for authorized callers."""
    template = find_path(path)
    item = document()["paths"].get(template, {})
    operation = item.get(method.lower())
    if operation is None:
        expected = (400, 403, 404) if template is None else (401, 403, 404, 405, 429)
        assert status in expected, f"{method} {path} is not documented, and answers {status}"
        return {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}, "text/html": {}}}
    responses = operation["responses"]
    described = responses.get(str(status), responses.get("default"))
    assert described is not None, f"{method} {template} is not documented to answer {status}"
    return _resolve(described)


def _check_headers(described: dict[str, Any], headers: Mapping[str, str]) -> None:
    for name, header in described.get("headers", {}).items():
        header = _resolve(header)
        assert name in headers or not header.get("required"), f"{name} is missing"
        if name in headers:
            check_schema(header["schema"], headers[name])


def _resolve(value: dict[str, Any]) -> dict[str, Any]:
    found: Any = value
    while "$ref" in found:
        reference, found = found["$ref"], document()
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    resolved: dict[str, Any] = found
    return resolved


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = [re.escape(part) for part in _PARAMETER.split(template)]
    for index in range(1, len(parts), 2):
        parts[index] = {"signed": r"[^/]+", "file": r"[^/]+", "path": r"(?s:.+)"}.get(parts[index], r"[^/.]+")
    return re.compile("".join(parts))


@cache
def _validator(schema: str) -> Draft202012Validator:
    resource = DRAFT202012.create_resource(document())
    registry: Registry[Any] = Registry().with_resource(_URI, resource)
    absolute = json.loads(schema.replace('"#/', f'"{_URI}#/'))
    return Draft202012Validator(absolute, registry=registry, format_checker=FormatChecker())
