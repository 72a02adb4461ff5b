"""Traits of where images and manifests are stored. Server process."""

from __future__ import annotations

import re
from typing import Any

from traitlets import Float as FloatTrait
from traitlets import TraitError, Unicode, validate
from traitlets.config import Configurable

from ...store.files.blobs import BlobStore, LocalBlobStore
from ...store.files.object_storage import SCHEMES
from ...store.files.places import BLOB_TIMEOUT
from ..services.figures.blob_handover import BlobHandover

_URL = re.compile(r"([a-z0-9]+)://[^\s/@:?#]+(?:@[^\s/@:?#]+)?(?:/[^\s?#]*)?")


class BlobConfig(Configurable):
    """Settings of the bucket that takes the place of the files in ``data_dir``."""

    blob_url = Unicode(
        "",
        help="Bucket for images, sources and manifests: s3://bucket/prefix, gs://bucket/prefix or"
        " az://container/prefix. Endpoint and credentials come from the environment as obstore reads them"
        " (AWS_ENDPOINT, AWS_ACCESS_KEY_ID, …). It needs jupyter_figserve[objectstore]. Default: files in data_dir.",
    ).tag(config=True)
    blob_timeout = FloatTrait(
        BLOB_TIMEOUT,
        min=0.05,
        help="Seconds within which the bucket of blob_url must answer; each megabyte of a request adds one more."
        " Otherwise the response is 503.",
    ).tag(config=True)

    sendfile: str
    log: Any

    def make_handover(self, blobs: BlobStore) -> BlobHandover | None:
        """Return the way in which the web server in front sends images; None where it has to come from here."""
        if not self.sendfile:
            return None
        if not isinstance(blobs, LocalBlobStore):
            self.log.warning("FigServe.sendfile has no effect with FigServe.blob_url: there are no files to send.")
            return None
        return BlobHandover(self.sendfile, blobs.find_path)

    @validate("blob_url")
    def _check_blob_url(self, proposal: Any) -> str:
        return check_blob_url(proposal.value)


def check_blob_url(url: str) -> str:
    """Return the URL of a bucket unchanged.

    Raises
    ------
    TraitError
        When it is not one; the message has no part of it, since it may contain a secret.
    """
    match = _URL.fullmatch(url) if url else None
    if url and (match is None or match[1] not in SCHEMES or ("@" in url and match[1] not in ("abfs", "abfss"))):
        raise TraitError(
            "blob_url is not the URL of a bucket; write it like 's3://bucket/prefix', and give credentials in the"
            " environment."
        )
    return url
