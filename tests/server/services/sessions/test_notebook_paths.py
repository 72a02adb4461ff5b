"""The notebook of a kernel: what Jupyter's session says, unless that file was renamed meanwhile."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from jupyter_figserve.server.services.sessions.notebook_paths import NotebookPaths


class FakeJupyter:
    """The paths in the sessions of kernels, and the files that there are."""

    def __init__(self) -> None:
        self.sessions = {"k": "a.ipynb"}
        self.files = {"a.ipynb"}
        self.session_manager = SimpleNamespace(get_session=self._get_session)
        self.contents_manager = SimpleNamespace(file_exists=lambda path: path in self.files)

    def _get_session(self, kernel_id: str) -> dict[str, str]:
        return {"path": self.sessions[kernel_id]}

    def rename(self, old: str, new: str) -> None:
        self.files = {new if path == old else path for path in self.files}


@pytest.fixture
def jupyter() -> FakeJupyter:
    return FakeJupyter()


@pytest.fixture
def paths(jupyter) -> NotebookPaths:
    return NotebookPaths(jupyter)


async def test_path_of_the_session(jupyter, paths):
    """Without the drive of a front end; "" for a kernel without a session."""
    assert await paths.find("k") == "a.ipynb"
    jupyter.sessions["k"] = "RTC:a.ipynb"
    assert await paths.find("k") == "a.ipynb"
    assert await paths.find("other") == ""


async def test_renamed_while_closed(jupyter, paths):
    """The session keeps the first path; the last one counts, also when the notebook comes back."""
    for old, new in (("a.ipynb", "b.ipynb"), ("b.ipynb", "c.ipynb"), ("c.ipynb", "a.ipynb")):
        jupyter.rename(old, new)
        paths.move("k", old, new)
        assert await paths.find("k") == new


@pytest.mark.parametrize("reason", ["another session path", "another file there", "forgotten"])
async def test_rename_counts_no_longer(jupyter, paths, reason):
    """When the front end follows, another notebook takes the old path, or the kernel ends."""
    jupyter.rename("a.ipynb", "b.ipynb")
    paths.move("k", "a.ipynb", "b.ipynb")
    if reason == "another session path":
        jupyter.sessions["k"] = "b.ipynb"
        assert await paths.find("k") == "b.ipynb"
        jupyter.sessions["k"] = "a.ipynb"
    elif reason == "another file there":
        jupyter.files.add("a.ipynb")
    else:
        paths.forget("k")
    assert await paths.find("k") == "a.ipynb"
