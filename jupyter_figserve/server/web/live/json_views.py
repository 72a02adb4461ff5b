"""JSON representation of a live figure in responses. Server process."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ...services.addresses import PublicBase
from ...services.live.registry import LiveTarget


def live_figure_json(
    target: LiveTarget, base: PublicBase, *, is_busy: bool, is_detached: bool, form: str | None
) -> dict[str, Any]:
    """Return a live figure with the schema of its parameters; without a kernel, its URL is the permanent one."""
    record, lasting = target.record, f"{base.url}/live/f/{target.record.id}"
    url = f"{base.url}/live/{target.kernel}/{quote(record.name)}" if target.kernel else lasting
    return {
        "id": record.id,
        "session": target.kernel,
        "name": record.name,
        "description": target.declaration.description,
        "notebook": record.identity.notebook or None,
        "url": url,
        "image_url": f"{url}.png",
        "lasting_url": lasting,
        "schema": target.declaration.parameters.schema(),
        "busy": is_busy,
        "detached": is_detached,
        "refresh": target.declaration.refresh,
        "form": form,
        "revision": target.declaration.revision,
    }
