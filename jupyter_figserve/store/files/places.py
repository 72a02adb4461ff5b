"""Where the blobs and manifests of a store are: on the local disk, or in a bucket. Server process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .blobs import BlobStore, LocalBlobStore
from .manifest_formats import Manifests
from .object_storage import ObjectStorage
from .remote_blobs import RemoteBlobStore

BLOB_TIMEOUT = 0.8
"""Default time limit of one request to a bucket, in seconds."""
PATIENT_BLOB_TIMEOUT = 10.0
"""Time limit of one request from the command line, in seconds; no page waits for it."""


@dataclass(frozen=True)
class Bucket:
    """A bucket for blobs and manifests.

    Parameters
    ----------
    url
        Such as ``s3://bucket/prefix``, without credentials.
    timeout
        Seconds for one request, to which each megabyte adds one.
    """

    url: str
    timeout: float = BLOB_TIMEOUT

    @classmethod
    def at(cls, url: str, timeout: float = BLOB_TIMEOUT) -> Self | None:
        """Return the bucket at a URL, None for an empty one."""
        return cls(url.rstrip("/"), timeout) if url else None


def open_files(directory: Path, bucket: Bucket | None = None) -> tuple[BlobStore, Manifests]:
    """Return the blobs and manifests in a bucket, or below ``directory`` without one.

    Raises
    ------
    InvalidInput
        When the bucket cannot be used.
    """
    if bucket is None:
        return LocalBlobStore(directory / "blobs"), Manifests.below(directory)
    objects = ObjectStorage(bucket.url, bucket.timeout)
    return RemoteBlobStore(objects), Manifests.within(objects)


@contextlib.contextmanager
def opened_files(directory: Path, bucket: Bucket | None) -> Iterator[tuple[BlobStore, Manifests]]:
    """Open blobs and manifests while the block runs."""
    blobs, manifests = open_files(directory, bucket)
    try:
        yield blobs, manifests
    finally:
        blobs.close()
