"""Documents in a bucket. Server process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future

from .object_storage import ObjectStorage

_AT_ONCE = 32


class RemoteDocuments:
    """Objects ``<prefix>/<name>.json``.

    Parameters
    ----------
    is_sharded
        Whether keys have the first two characters of the name before it, as files do.
    """

    is_remote = True

    def __init__(self, objects: ObjectStorage, prefix: str, *, is_sharded: bool = False) -> None:
        self._objects = objects
        self._prefix = prefix
        self._is_sharded = is_sharded

    def read(self, name: str) -> bytes | None:
        return self._objects.run(self._objects.get(self._key(name)))

    def replace(self, name: str, data: bytes) -> None:
        self._objects.run(self._objects.put(self._key(name), data))

    def delete(self, name: str) -> None:
        self._objects.run(self._objects.delete([self._key(name)]))

    def read_all(self) -> Iterator[tuple[str, bytes | None]]:
        """Several are read at a time, since each takes a round trip."""
        reading: deque[tuple[str, Future[bytes | None]]] = deque()
        for key, _ in self._objects.list(self._prefix):
            name, _, suffix = key.rpartition("/")[2].rpartition(".")
            if suffix != "json":
                continue
            reading.append((name, self._objects.start(self._objects.get(key))))
            if len(reading) >= _AT_ONCE:
                name, data = reading.popleft()
                yield name, data.result()
        for name, data in reading:
            yield name, data.result()

    def remove_leftover(self) -> None:
        """Nothing is left: an object is there as a whole or not at all."""

    def location_of(self, name: str) -> str:
        return f"{self._objects.url}/{self._key(name)}"

    def _key(self, name: str) -> str:
        shard = f"{name[:2]}/" if self._is_sharded else ""
        return f"{self._prefix}/{shard}{name}.json"
