"""Where the blobs and manifests of a store are: on the local disk, or in a bucket. Server process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .blobs import BlobStore, LocalBlobStore
from .manifest_formats import Manifests
from .object_storage import ObjectStorage
from .remote_blobs import RemoteBlobStore

BLOB_TIMEOUT = 0.8
"""Default time limit of one request to a bucket, in seconds."""
_PATIENT_TIMEOUT = 10.0
"""That of the command line, where nobody waits for a page."""


def open_files(directory: Path, blob_url: str = "", timeout: float = BLOB_TIMEOUT) -> tuple[BlobStore, Manifests]:
    """Return the blobs and manifests at ``blob_url``, or below ``directory`` where it is empty.

    Raises
    ------
    InvalidInput
        When the URL cannot be used.
    """
    if not blob_url:
        return LocalBlobStore(directory / "blobs"), Manifests.below(directory)
    objects = ObjectStorage(blob_url.rstrip("/"), timeout)
    return RemoteBlobStore(objects), Manifests.within(objects)


@contextlib.contextmanager
def opened_files(directory: Path, blob_url: str = "") -> Iterator[tuple[BlobStore, Manifests]]:
    """Open blobs and manifests while the block runs."""
    blobs, manifests = open_files(directory, blob_url, _PATIENT_TIMEOUT)
    try:
        yield blobs, manifests
    finally:
        blobs.close()
