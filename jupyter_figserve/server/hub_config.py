"""The settings under a JupyterHub as traits. Server process."""

from __future__ import annotations

from traitlets import Integer
from traitlets.config import Configurable


class HubConfig(Configurable):
    """Settings of a JupyterHub's service."""

    registered_kernels = Integer(
        100,
        min=1,
        help="Maximum number of running kernels of one user that a JupyterHub's service registers; further ones publish"
        " to the user's own server.",
    ).tag(config=True)
