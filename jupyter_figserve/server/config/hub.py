"""Where the server runs: on its own, in a JupyterHub, or as its service; and the settings for that. Server process."""

from __future__ import annotations

import os
from typing import Any

from traitlets import Bool, Integer, Unicode, default
from traitlets.config import Configurable

from ..hub.environment import find_public_url


class HubConfig(Configurable):
    """What a server is to a JupyterHub, and settings of its service."""

    serverapp: Any

    registered_kernels = Integer(
        100,
        min=1,
        help="Maximum number of running kernels of one user that a JupyterHub's service registers; further ones publish"
        " to the user's own server.",
    ).tag(config=True)

    trust_hub_names = Bool(
        False,
        help="Whether a name of the JupyterHub always means the same person. Set it to True where the Hub's database"
        " does not last, or where its names are never given to another person. Otherwise, a user who logs in under a"
        " name that the Hub has created anew gets no access to what its earlier user left until an administrator has"
        " decided.",
    ).tag(config=True)

    public_url = Unicode(
        help="Public address of this server, such as 'https://plots.example.org/jupyter', used in links. Default: the"
        " address that a JupyterHub gives to it, else that of the request.",
    ).tag(config=True)

    @default("public_url")
    def _default_public_url(self) -> str:
        if self.serverapp is None or self.host_kind == "standalone":
            return ""
        return find_public_url(self.serverapp.base_url)

    @property
    def host_kind(self) -> str:
        return str(getattr(self.serverapp, "figserve_host", "extension"))

    @property
    def is_hub_service(self) -> bool:
        """Whether this server is a JupyterHub's service, whose kernels run on the users' own servers."""
        return self.host_kind == "hub"

    @property
    def scope(self) -> str:
        # Under a Hub the server's name is the scope: its root may be another path after a rebuild. To the service, a
        # notebook is one of the user's default server, unless the kernel's own server says otherwise.
        server = "" if self.is_hub_service else os.environ.get("JUPYTERHUB_SERVER_NAME")
        return f"hub {server}".rstrip() if server is not None else os.path.realpath(self.serverapp.root_dir)
