"""Contents of the manifests of figures, live figures and dashboards. Server process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, TypeVar

from ...model.dashboards import DashboardRecord, Layout
from ...model.detached import DetachedFunction
from ...model.figures import CellCode, FigureRecord, Identity, Representation, Source, Version
from ...model.links import Link
from ...model.live import LiveDeclaration, LiveFigureRecord
from .documents import Documents, LocalDocuments
from .manifests import ManifestStore
from .object_storage import ObjectStorage
from .remote_documents import RemoteDocuments

T = TypeVar("T")
_FORMAT = 1
_FIGURES, _LIVE, _DASHBOARDS = "figures", "live", "dashboards"
_LOCAL = {_FIGURES: "figures", _LIVE: "figures/live", _DASHBOARDS: "dashboards"}


@dataclass(frozen=True)
class FigureManifest:
    """A figure with its versions (newest first) and links."""

    record: FigureRecord
    versions: tuple[Version, ...]
    links: tuple[Link, ...]

    def as_json(self) -> dict[str, Any]:
        record = self.record
        return {
            "format": _FORMAT,
            "id": record.id,
            "identity": record.identity.__dict__,
            "origin": record.origin,
            "created": record.created,
            "updated": record.updated,
            "versions": [_version_as_json(version) for version in self.versions],
            "links": [link.as_json() for link in self.links],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        versions = tuple(_read_version(version) for version in data["versions"])
        identity = _from_known_fields(Identity, data["identity"])
        record = FigureRecord(data["id"], identity, data["origin"], data["created"], data["updated"], versions[0])
        return cls(record, versions, _read_links(data))


@dataclass(frozen=True)
class LiveFigureManifest:
    """A live figure with its links and detached function, but without its images, which can be rendered again."""

    record: LiveFigureRecord
    links: tuple[Link, ...] = ()
    detached: DetachedFunction | None = None

    def as_json(self) -> dict[str, Any]:
        record, function = self.record, self.detached
        return {
            "format": _FORMAT,
            "id": record.id,
            "identity": record.identity.__dict__,
            "declaration": record.declaration.as_json(),
            "created": record.created,
            "updated": record.updated,
            "links": [link.as_json() for link in self.links],
            "detached": function
            and {"source": function.source.__dict__, "declaration": function.declaration.as_json()},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        identity = _from_known_fields(Identity, data["identity"])
        declaration = LiveDeclaration.from_json(data["declaration"])
        record = LiveFigureRecord(data["id"], identity, declaration, data["created"], data["updated"])
        function = data["detached"]
        if function is not None:
            source = _from_known_fields(Source, function["source"])
            function = DetachedFunction(record.id, source, LiveDeclaration.from_json(function["declaration"]))
        return cls(record, _read_links(data), function)


@dataclass(frozen=True)
class DashboardManifest:
    """A dashboard with its links."""

    record: DashboardRecord
    links: tuple[Link, ...]

    def as_json(self) -> dict[str, Any]:
        record = self.record
        return {
            "format": _FORMAT,
            "identity": record.identity.__dict__,
            "layout": record.layout.as_json(),
            **{name: getattr(record, name) for name in ("id", "version", "session", "created", "updated")},
            "links": [link.as_json() for link in self.links],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        identity, layout = _from_known_fields(Identity, data["identity"]), Layout.from_json(data["layout"])
        rest = [data[name] for name in ("version", "session", "created", "updated")]
        return cls(DashboardRecord(data["id"], identity, layout, *rest), _read_links(data))


@dataclass(frozen=True)
class Manifests:
    """All manifests of a store."""

    figures: ManifestStore[FigureManifest]
    live_figures: ManifestStore[LiveFigureManifest]
    dashboards: ManifestStore[DashboardManifest]

    @classmethod
    def below(cls, directory: Path) -> Self:
        """Return those in files of a data directory."""
        return cls._of(lambda name: LocalDocuments(directory / _LOCAL[name], is_sharded=name == _FIGURES))

    @classmethod
    def within(cls, objects: ObjectStorage) -> Self:
        """Return those in a bucket."""
        return cls._of(lambda name: RemoteDocuments(objects, name, is_sharded=name == _FIGURES))

    @classmethod
    def _of(cls, open_documents: Callable[[str], Documents]) -> Self:
        return cls(
            ManifestStore(open_documents(_FIGURES), FigureManifest),
            ManifestStore(open_documents(_LIVE), LiveFigureManifest),
            ManifestStore(open_documents(_DASHBOARDS), DashboardManifest),
        )


def _version_as_json(version: Version) -> dict[str, Any]:
    # By hand: ``asdict`` copies every value of twenty versions for each publish.
    parts = {
        "representations": [part.__dict__ for part in version.representations],
        "thumbnail": version.thumbnail and version.thumbnail.__dict__,
        "source": version.source and version.source.__dict__,
        "code": version.code and version.code.__dict__,
        # It depends on the server's sandbox, and is determined again.
        "check": None,
    }
    return version.__dict__ | parts


def _read_version(data: dict[str, Any]) -> Version:
    if not data["representations"]:
        raise ValueError("a version has at least one representation")
    parts = {
        "representations": tuple(_from_known_fields(Representation, part) for part in data["representations"]),
        "thumbnail": _from_known_fields(Representation, data["thumbnail"]) if data["thumbnail"] else None,
        "source": _from_known_fields(Source, data["source"]) if data["source"] else None,
        "code": _from_known_fields(CellCode, data["code"]) if data.get("code") else None,
    }
    return _from_known_fields(Version, data | parts)


def _read_links(data: dict[str, Any]) -> tuple[Link, ...]:
    return tuple(Link.from_json(link) for link in data["links"])


def _from_known_fields(kind: type[T], data: dict[str, Any]) -> T:
    """Build a dataclass, ignoring fields that only a newer version of this package knows."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every caller passes a dataclass
    return kind(**{name: value for name, value in data.items() if name in known})
