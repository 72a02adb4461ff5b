"""A bucket of S3, Google Cloud Storage or Azure, by obstore. Server process.

Requests run in the event loop of a thread, where each has a deadline that grows with its size: obstore has one for all.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Any, TypeVar

from ...errors import Conflict, InvalidInput, Unavailable

T = TypeVar("T")
SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss")
MEMORY = "memory:///"
"""A store in memory, for tests."""
_MAX_RETRIES = 2
_MIN_RATE = 2**20
"""Bytes a second of the slowest connection."""
_RETRY_SECONDS = 5
_PAGE = 1_000
_PANICS = ("PanicException", "RustPanic")
"""What obstore raises for some malformed settings of the environment; the first is no Exception."""
_PROBE = "put-if-absent"
"""Object that the probe creates, and that nothing overwrites."""
_log = logging.getLogger("jupyter_figserve")


class ObjectStorage:
    """Objects by their keys below the prefix of a URL.

    Parameters
    ----------
    url
        Such as ``s3://bucket/prefix``; the endpoint and the credentials come from the environment.
    timeout
        Seconds for one request, to which its bytes add a second for each megabyte.

    Raises
    ------
    InvalidInput
        When obstore is not installed, or rejects the URL or the environment.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self.url = url
        self._timeout = timeout
        # A delete that is repeated could remove what was put again meanwhile.
        self._store = _open(url, timeout, _MAX_RETRIES)
        self._store_once = self._store if url == MEMORY else _open(url, timeout, 0)
        self._is_checked = False
        self._is_down = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="figserve-objects", daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run ``work`` in the thread's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` and wait for it; for threads that may wait."""
        return self.start(work).result()

    async def create(self, key: str, data: bytes) -> bool:
        """Store an object that does not exist; return False when it does.

        Raises
        ------
        Conflict
            When the store overwrites objects.
        """
        if not self._is_checked:
            await self.check()
        return await self._create(key, data)

    async def put(self, key: str, data: bytes) -> None:
        """Store or replace an object."""
        import obstore

        await self._request(obstore.put_async(self._store, key, data, use_multipart=False), len(data))

    async def get(self, key: str, start: int = 0, end: int | None = None) -> bytes | None:
        """Return the bytes from ``start`` up to ``end``, None for all; None when there is no such object."""
        import obstore

        if end is None:
            found = await self._request(obstore.get_async(self._store, key), missing=None)
            if found is None:
                return None
            data = bytes(await self._request(found.bytes_async(), found.meta["size"]))
            return data[start:]
        if end <= start:
            return b""
        part: Any = obstore.get_range_async(self._store, key, start=start, end=end)
        data = await self._request(part, end - start, missing=None)
        return None if data is None else bytes(data)

    async def find_written(self, key: str) -> float | None:
        """Return when an object was written, in seconds since the epoch; None when there is none."""
        import obstore

        found = await self._request(obstore.head_async(self._store, key), missing=None)
        return None if found is None else float(found["last_modified"].timestamp())

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; missing ones are no error."""
        import obstore

        await self._request(obstore.delete_async(self._store_once, list(keys)), missing=None)

    def list(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Yield key and modification time of each object below ``prefix``, a page for each request."""
        import obstore

        stream = obstore.list(self._store, prefix, chunk_size=_PAGE)
        while page := self.run(self._request(_read_page(stream))):
            for row in page:
                yield row["path"], row["last_modified"].timestamp()

    async def check(self) -> None:
        """Check that the store refuses to overwrite an object, without which two servers could tear one.

        Raises
        ------
        Conflict
            When it does not, or refuses our credentials.
        Unavailable
            When it does not answer.
        """
        try:
            refused = not await self._create(_PROBE, b"") or not await self._create(_PROBE, b"")
        except Unavailable as error:
            if error.code == "blob_store_denied":
                raise Conflict(f"{error.message} Check blob_url, the bucket and the credentials.") from error
            raise
        if not refused:
            raise Conflict(
                f"{self.url} overwrites objects that a conditional put must leave alone, so figures could be lost. Use"
                " a store with conditional writes (If-None-Match), such as S3, GCS, Azure or SeaweedFS.",
                code="blob_store_overwrites",
            )
        self._is_checked = True

    def close(self) -> None:
        """End the thread; requests that still run are abandoned."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _create(self, key: str, data: bytes) -> bool:
        import obstore

        work = obstore.put_async(self._store, key, data, mode="create", use_multipart=False)
        try:
            await self._request(work, len(data))
        except obstore.exceptions.AlreadyExistsError:
            return False
        return True

    async def _request(self, work: Awaitable[Any], size: int = 0, **missing: Any) -> Any:
        """Await a request within its deadline; ``missing=`` is the result where there is no object.

        Raises
        ------
        Unavailable
            When the store does not answer in time, or refuses.
        """
        from obstore import exceptions

        try:
            result = await asyncio.wait_for(work, self._timeout + size / _MIN_RATE)
        except FileNotFoundError as error:
            if "missing" in missing and "NoSuchBucket" not in str(error):
                self._note(None)
                return missing["missing"]
            raise self._refused(error) from error
        except exceptions.AlreadyExistsError:
            self._note(None)
            raise
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise self._refused(error) from error
        except (TimeoutError, exceptions.BaseError) as error:
            self._note(f"{type(error).__name__}: {_first_line(error)}")
            raise Unavailable(
                "The store of the images does not answer. Try again in a few seconds.",
                code="blob_store_unavailable",
                retry_after=_RETRY_SECONDS,
            ) from error
        except BaseException as error:
            if type(error).__name__ not in _PANICS:
                raise
            raise InvalidInput(f"{self.url} cannot be used: {_first_line(error)}. Check AWS_ENDPOINT.") from error
        self._note(None)
        return result

    def _refused(self, error: Exception) -> Unavailable:
        self._note(_first_line(error))
        return Unavailable(f"{self.url} refuses this server's requests.", code="blob_store_denied")

    def _note(self, fault: str | None) -> None:
        """Log when the store fails first, and when it answers again."""
        if fault is not None and not self._is_down:
            _log.warning("The store of the images %s failed: %s", self.url, fault)
        elif fault is None and self._is_down:
            _log.warning("The store of the images %s answers again.", self.url)
        self._is_down = fault is not None

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            running = asyncio.all_tasks(self._loop)
            for task in running:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*running, return_exceptions=True))
        finally:
            self._loop.close()


async def _read_page(stream: Any) -> Sequence[Any]:
    """Return the next page of a list, an empty one at its end."""
    try:
        page: Sequence[Any] = await stream.__anext__()
    except StopAsyncIteration:
        return ()
    return page


def _open(url: str, timeout: float, retries: int) -> Any:
    """Open a store; without options of the HTTP client, which would replace those of the environment."""
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise InvalidInput(
            f"{url} needs obstore. Install it with: pip install 'jupyter_figserve[objectstore]'"
        ) from error
    backoff = {"init_backoff": timedelta(milliseconds=50), "max_backoff": timedelta(seconds=timeout / 4), "base": 2}
    config: Any = {"max_retries": retries, "retry_timeout": timedelta(seconds=timeout), "backoff": backoff}
    try:
        return from_url(url) if url == MEMORY else from_url(url, retry_config=config)
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ not in _PANICS:
            raise
        raise InvalidInput(f"{url} cannot be opened: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
