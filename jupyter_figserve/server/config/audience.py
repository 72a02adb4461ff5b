"""The widest audience of links as a trait, the traits that it replaces, and the ways to others. Server process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from traitlets import CaselessStrEnum, TraitError, default
from traitlets.config import Configurable

from ...model.audiences import AUDIENCES, HUB, LINK
from ...model.team_servers import FILE_NAME
from ...store.files.blob_cache import BlobCache
from ..services.links.team import TeamSharing

_REPLACED = ("allow_public_shares", "allow_public_live")


class AudienceConfig(Configurable):
    """Setting of whom links may be for."""

    max_audience = CaselessStrEnum(
        AUDIENCES,
        help="The widest audience of a link: 'me' (only the owner), 'people' (users and groups that the owner names),"
        " 'hub' (everyone who may log in to the JupyterHub) or 'link' (anyone who has the address). It narrows existing"
        " links too. Default: 'link', but 'hub' under a JupyterHub.",
    ).tag(config=True)

    host_kind: Any

    @default("max_audience")
    def _default_max_audience(self) -> str:
        return HUB if "JUPYTERHUB_SERVICE_PREFIX" in os.environ else LINK

    def make_team_sharing(self, blobs: BlobCache) -> TeamSharing:
        """Return what shares by a team's server; nothing where this server is not its user's own."""
        is_own = self.host_kind != HUB
        return TeamSharing(Path(jupyter_data_dir()) / FILE_NAME if is_own else None, blobs)

    def check_replaced(self) -> None:
        """Reject traits of earlier versions: without effect, they would open links that an administrator has closed.

        Raises
        ------
        TraitError
            When one is set.
        """
        for name in _REPLACED:
            if name in self.config.get("FigServe", {}):
                raise TraitError(
                    f"FigServe.{name} was replaced by FigServe.max_audience: set that to 'link', 'hub', 'people' or"
                    " 'me', the widest audience that a link may have."
                )
