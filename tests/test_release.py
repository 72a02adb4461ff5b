"""``make release``: what it refuses, what it writes, and that one version is everywhere."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import jupyter_figserve

from .ci_programs import load

CHECKOUT = Path(__file__).resolve().parent.parent
DAY = datetime.date(2026, 11, 29)
PAGE = "https://git.example.org/figserve/jupyter_figserve"

release = load("release")


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *arguments], cwd=root, check=True)


@pytest.fixture
def repository(tmp_path) -> Path:
    """A repository on ``main`` with the files that a release changes, for version 0.2.0."""
    for name in {name for name, _ in release.PLACES} | {"pyproject.toml"}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, tmp_path / name)
    changes = "# Changelog\n\n## 0.2.0 (unreleased)\n\n### Added\n\n- More.\n\n## 0.1.0 (2026-11-01)\n\n- All.\n"
    (tmp_path / "CHANGELOG.md").write_text(changes, encoding="utf-8")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "remote", "add", "origin", f"{PAGE}.git")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "All")
    return tmp_path


def test_one_version_is_everywhere():
    """The package, JupyterLab's extension, the Helm chart and its images have the same version."""
    assert set(release.read_versions(CHECKOUT)) == {jupyter_figserve.__version__}


def test_the_changelog_has_a_heading_for_it():
    """The version of the package is at the top of the changelog, released or not."""
    heading = next(line for line in (CHECKOUT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))
    assert heading.split()[1] == jupyter_figserve.__version__


def test_a_ready_repository_is_accepted(repository):
    """A clean checkout of main, with a section in the changelog, a public address and no such tag."""
    release.check_repository(repository, "0.2.0")


def break_tree(root: Path) -> None:
    (root / "new.txt").write_text("")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (break_tree, "not committed"),
        (lambda root: git(root, "checkout", "--quiet", "-b", "feature"), "branch feature"),
        (lambda root: git(root, "checkout", "--quiet", "--detach"), "branch \\(none\\)"),
        (lambda root: git(root, "tag", "v0.2.0"), "exists already"),
        (lambda root: git(root, "remote", "set-url", "origin", "/srv/figserve"), "no public address"),
    ],
    ids=["changes", "branch", "detached", "tag", "address"],
)
def test_what_is_not_ready_is_refused(repository, fault, message):
    """Each with a sentence that says what to do."""
    fault(repository)
    with pytest.raises(release.ReleaseError, match=message):
        release.check_repository(repository, "0.2.0")


def test_a_dry_run_needs_neither_the_branch_nor_an_address(repository):
    """It shows on a branch, too, whether a release would work."""
    git(repository, "checkout", "--quiet", "-b", "feature")
    git(repository, "remote", "remove", "origin")
    release.check_repository(repository, "0.2.0", dry_run=True)


@pytest.mark.parametrize("version", ["", "0.2", "v0.2.0", "0.2.0.dev1", "0.2.0; rm", "0.3.0", "0.1.0"])
def test_other_versions_are_refused(repository, version):
    """No version, and versions that the changelog does not announce or has released."""
    with pytest.raises(release.ReleaseError):
        release.check_repository(repository, version)


def test_an_empty_section_is_refused():
    """A release says what changed."""
    with pytest.raises(release.ReleaseError, match="says nothing"):
        release.find_section("## 0.2.0 (unreleased)\n\n### Added\n\n## 0.1.0 (2026-11-01)\n\n- All.\n", "0.2.0")


def test_the_version_is_written_everywhere(repository):
    """In each place, with the date in the changelog and the addresses in pyproject.toml, and nothing else changes."""
    before = {name: (repository / name).read_text() for name, _ in release.PLACES}
    release.prepare(repository, "0.2.0", DAY, PAGE)
    assert set(release.read_versions(repository)) == {"0.2.0"}
    assert "\n## 0.2.0 (2026-11-29)\n" in (repository / "CHANGELOG.md").read_text()
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert project["urls"]["Changelog"] == f"{PAGE}/blob/main/CHANGELOG.md"
    for name, _ in release.PLACES:
        lines = zip(before[name].splitlines(), (repository / name).read_text().splitlines(), strict=True)
        assert all("0.2.0" in new for old, new in lines if old != new), name


def test_a_candidate_is_a_semantic_version_for_helm(repository):
    """Helm refuses 1.0.0rc1; the package, its images and JupyterLab's extension have Python's spelling."""
    changelog = repository / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("0.2.0", "1.0.0rc1"))
    release.prepare(repository, "1.0.0rc1", DAY, PAGE)
    chart = (repository / "deploy" / "helm" / "figserve" / "Chart.yaml").read_text()
    assert re.findall(r"^(?:version|appVersion): (\S+)", chart, re.MULTILINE) == ["1.0.0-rc1", "1.0.0rc1"]
    assert set(release.read_versions(repository)) == {"1.0.0rc1"}


def test_a_package_index_shows_the_readme(repository):
    """The released metadata has the README, with its images at the project's page, at the release's tag."""
    pytest.importorskip("hatchling", reason='hatchling is missing: pip install -e ".[dev]"')
    (repository / ".ci").mkdir(exist_ok=True)
    for name in ("README.md", "LICENSE", ".ci/readme_hook.py"):
        shutil.copy(CHECKOUT / name, repository / name)
    release.prepare(repository, "0.2.0", DAY, PAGE)
    metadata = json.loads(release.run(sys.executable, "-m", "hatchling", "metadata", cwd=repository))
    assert metadata["readme"]["content-type"] == "text/markdown"
    assert f"]({PAGE}/raw/v0.2.0/notebooks/images/share_page.png)" in metadata["readme"]["text"]
    assert f"]({PAGE}/blob/v0.2.0/SECURITY.md)" in metadata["readme"]["text"]


def test_addresses_that_are_there_stay(repository):
    """A maintainer's own are not replaced."""
    path = repository / "pyproject.toml"
    text = path.read_text().replace(
        "[project.scripts]", '[project.urls]\nSource = "https://x.org"\n\n[project.scripts]'
    )
    path.write_text(text)
    release.prepare(repository, "0.2.0", DAY, PAGE)
    assert tomllib.loads(path.read_text())["project"]["urls"] == {"Source": "https://x.org"}


def test_a_place_without_its_line_is_refused(repository):
    """A file that was rewritten would go out with the old version."""
    path = repository / "deploy" / "helm" / "figserve" / "Chart.yaml"
    path.write_text(path.read_text().replace("appVersion:", "application:"))
    with pytest.raises(release.ReleaseError, match=r"Chart\.yaml has 0 lines"):
        release.prepare(repository, "0.2.0", DAY, PAGE)


def test_the_commit_and_its_tag(repository, monkeypatch):
    """They are local, and leave a clean checkout of the released version."""
    for kind in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{kind}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{kind}_EMAIL", "ada@example.org")
    release.prepare(repository, "0.2.0", DAY, PAGE)
    release.commit(repository, "0.2.0")
    assert release.run("git", "describe", cwd=repository) == "v0.2.0"
    assert release.run("git", "status", "--porcelain", cwd=repository) == ""


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("git@github.com:owner/name.git", "https://github.com/owner/name"),
        ("ssh://git@gitlab.com/group/sub/name.git", "https://gitlab.com/group/sub/name"),
        ("https://user:token@github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://github.com/owner/name/", "https://github.com/owner/name"),
        ("/srv/git/name.git", None),
        ("file:///srv/git/name.git", None),
        ("", None),
    ],
)
def test_the_page_of_a_remote(remote, page):
    """A name or token in the address does not get into the metadata."""
    assert release.to_page(remote) == page


def test_wheels_are_compared_by_content(tmp_path):
    """A file that the sdist lacks, or has otherwise, is named."""
    for name, files in (("one", {"a.py": "1", "b.py": "2", "c.py": "3"}), ("other", {"a.py": "1", "b.py": "0"})):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for file, text in files.items():
                archive.writestr(file, text)
    assert release.compare_wheels(tmp_path / "one", tmp_path / "other") == ["b.py", "c.py"]
    assert release.compare_wheels(tmp_path / "one", tmp_path / "one") == []


def test_a_python_is_found_by_its_version():
    """The interpreter of these tests is one of those that are supported; a missing one is an error."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert version in release.PYTHONS
    assert release.find_python(version)
    with pytest.raises(release.ReleaseError, match=r"Python 3\.99"):
        release.find_python("3.99")


def test_the_supported_pythons_are_those_of_the_metadata():
    """What the classifiers promise is what a release is checked on."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    named = [line.rpartition(" ")[2] for line in project["classifiers"] if line.startswith("Programming Language ::")]
    assert tuple(name for name in named if name.startswith("3.")) == release.PYTHONS
    assert project["requires-python"] == f">={release.PYTHONS[0]}"


def test_a_failed_command_shows_its_output():
    """What a builder or a check prints is in the error."""
    with pytest.raises(release.ReleaseError, match="broken"):
        release.run(sys.executable, "-c", "raise SystemExit('broken')")
