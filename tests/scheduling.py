"""Which modules one of several test processes runs: those that share something expensive, in one process."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadFileScheduling

GROUPS = {
    "JupyterLab": """
        tests/browser/test_dashboard_widget.py tests/browser/test_labextension.py
        tests/browser/test_labextension_menu.py tests/browser/test_widget.py tests/browser/test_widget_following.py
    """.split(),
    "JupyterHub": "tests/hub/test_audiences.py tests/hub/test_service.py".split(),
}
"""Modules by what they share."""


class GroupScheduling(LoadFileScheduling):
    """`--dist loadfile`, where a group of files is one file."""

    def _split_scope(self, nodeid: Any) -> Any:
        path = super()._split_scope(nodeid)
        return next((name for name, paths in GROUPS.items() if path in paths), path)
