"""`python -m jupyter_figserve.cli`: same as `jupyter figserve`. A process of its own."""

from __future__ import annotations

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
