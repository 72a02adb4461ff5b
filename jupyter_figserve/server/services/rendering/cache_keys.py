"""Names under which the results of reproducible jobs are cached. Server process."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ....model.figures import sha256_hex
from ....model.rendering import RenderJob


def cache_key(job: RenderJob, libraries: Mapping[str, str], source_digest: str | None = None) -> str:
    """Return a text that is equal for jobs with equal images: the job's parts and the versions of the libraries.

    Parameters
    ----------
    source_digest
        Where it is known; the job's source is not read then.
    """
    parts = {
        "kind": job.kind,
        "source": source_digest or sha256_hex(job.source),
        "options": job.options.__dict__,
        "figure": job.figure,
        "seed": job.seed,
        "thumbnail": job.with_thumbnail,
        "libraries": dict(libraries),
    }
    return json.dumps(parts, sort_keys=True)
