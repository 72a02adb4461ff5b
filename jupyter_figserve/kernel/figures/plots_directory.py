"""The directory of the session's plots, whose files the server shows. Kernel."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import NotConnected
from ...model.environment_variables import KERNEL_PLOTS_VARIABLE


def plots_dir() -> Path:
    """Return the session's directory; the server serves its image files, including those of subdirectories, by name.

    Returns
    -------
    Path
        A directory that exists as long as the session.

    Raises
    ------
    NotConnected
        This process is not a kernel of such a server, or that server has ended.
    """
    path = os.environ.get(KERNEL_PLOTS_VARIABLE)
    if not path:
        raise NotConnected(
            "This process has no plots directory; only kernels of a Jupyter server with jupyter_figserve have one. Use"
            " figserve.publish instead."
        )
    directory = Path(path)
    if not directory.is_dir():
        raise NotConnected(f"The session's directory {directory} was removed with its server. Restart the kernel.")
    return directory
