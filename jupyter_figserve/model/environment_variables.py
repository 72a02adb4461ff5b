"""Names of the environment variables that figserve reads and sets. Any process.

Jupyter's kernel provisioners and gateways pass variables on to kernels if their names begin with ``KERNEL_``.
"""

from __future__ import annotations

URL_VARIABLE = "FIGSERVE_URL"
API_KEY_VARIABLE = "FIGSERVE_API_KEY"
"""The key that scripts and commands send, and the keys that a render service accepts, separated by commas."""
OFFLINE_VARIABLE = "FIGSERVE_OFFLINE"
"""``error`` or ``warn``: what publishing without a server does; by default it depends on the front end."""
SIGNING_VARIABLE = "FIGSERVE_SIGNING_SECRET"
"""The signing secrets, newest first, separated by commas, where several processes serve."""
WORKER_KEY_VARIABLE = "FIGSERVE_WORKER_KEY"
"""The key that a server and its render workers share."""
SERVICE_VARIABLE = "FIGSERVE_SERVICE"
"""In a user's server on a JupyterHub: the address of the Hub's service."""
SETTINGS_VARIABLE = "FIGSERVE_SETTINGS"
"""In a JupyterHub's service: its settings of ``FigServe``, as JSON, or that in URL-safe base64."""
KERNEL_PREFIX = "KERNEL_FIGSERVE_"
"""Of the variables that a server sets for its kernels."""
KERNEL_URL_VARIABLE = "KERNEL_FIGSERVE_URL"
KERNEL_KEY_VARIABLE = "KERNEL_FIGSERVE_KEY"
KERNEL_CA_VARIABLE = "KERNEL_FIGSERVE_CA"
KERNEL_PLOTS_VARIABLE = "KERNEL_FIGSERVE_PLOTS"
LOCAL_URL_VARIABLE = "KERNEL_FIGSERVE_LOCAL_URL"
"""The server that runs the kernel, where the kernel publishes to a JupyterHub's service."""
LOCAL_KEY_VARIABLE = "KERNEL_FIGSERVE_LOCAL_KEY"
LOCAL_CA_VARIABLE = "KERNEL_FIGSERVE_LOCAL_CA"
READ_ONLY_VARIABLE = "KERNEL_FIGSERVE_READ_ONLY"
"""Why the server of a kernel cannot store figures, and gave it no key."""
