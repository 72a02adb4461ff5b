"""`make release VERSION=0.1.0`: check a release on every supported Python, then commit and tag it. Nothing is uploaded.

Everything happens in a copy of the last commit; the checkout changes once all checks have passed.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
BRANCH = "main"
PYTHONS = ("3.11", "3.12", "3.13")
CHANGELOG = "CHANGELOG.md"
SEMANTIC = ("deploy/helm/figserve/Chart.yaml", r"^(version: )(\S+)")
"""Helm wants a semantic version: 1.0.0-rc1 for 1.0.0rc1."""
PLACES = (
    ("jupyter_figserve/__init__.py", r'^(__version__ = ")([^"]+)'),
    ("jupyter_figserve/labextension/package.json", r'^(  "version": ")([^"]+)'),
    ("jupyter_figserve/labextension/package.json", r'("load": "static/entry\.js\?v=)([^"]+)'),
    SEMANTIC,
    ("deploy/helm/figserve/Chart.yaml", r"^(appVersion: )(\S+)"),
    ("deploy/helm/figserve/values.yaml", r"^(  server: figserve-service:)(\S+)"),
    ("deploy/helm/figserve/values.yaml", r"^(  worker: figserve-worker:)(\S+)"),
)
"""Files with the version, and how to find it there. The package's own is the first; the others repeat it."""
CHECK = Path(__file__).with_name("release_check.py")
"""What is tried in each environment."""


class ReleaseError(Exception):
    """The release cannot be made; the text says why, and what to do."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("version", help='such as "0.1.0"')
    parser.add_argument("--dry-run", action="store_true", help="check everything, and change nothing")
    parser.add_argument("--pythons", default=",".join(PYTHONS), help="check on these alone, separated by commas")
    options = parser.parse_args()
    try:
        release(ROOT, options.version, options.pythons.split(","), dry_run=options.dry_run)
    except ReleaseError as error:
        sys.exit(f"make release: {error}")


def release(root: Path, version: str, pythons: list[str], *, dry_run: bool) -> None:
    """Check the release in a copy; then write, commit and tag it here."""
    check_repository(root, version, dry_run=dry_run)
    interpreters = {one: find_python(one) for one in pythons}
    today = datetime.datetime.now(datetime.UTC).date()
    with tempfile.TemporaryDirectory(prefix="figserve-release-") as name:
        copy, dist = Path(name, "source"), Path(name, "dist")
        run("git", "clone", "--quiet", "--local", str(root), str(copy))
        prepare(copy, version, today, find_remote(root))
        build(copy, dist)
        (wheel,) = dist.glob("*.whl")
        for python, interpreter in interpreters.items():
            step(f"The wheel in a new environment with Python {python}")
            try_wheel(wheel, interpreter, Path(name, f"environment-{python}"), version)
        if dry_run:
            print(f"\n{version} can be released. Nothing was changed: this was a dry run.")
            return
        prepare(root, version, today, find_remote(root))
        target = root / "dist"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(dist, target)
    commit(root, version)
    print(f"\n{version} is committed and tagged here, and in dist/. To publish it:\n")
    print(f"  git push origin {BRANCH} v{version}\n  python -m twine upload dist/*")


def check_repository(root: Path, version: str, *, dry_run: bool = False) -> None:
    """Raise ``ReleaseError`` where the repository is not ready for this version."""
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        raise ReleaseError(f'{version!r} is not a version such as "0.1.0" or "1.0.0rc1".')
    if run("git", "status", "--porcelain", cwd=root):
        raise ReleaseError("There are changes that are not committed. Commit or stash them.")
    branch = run("git", "branch", "--show-current", cwd=root)
    if branch != BRANCH and not dry_run:
        raise ReleaseError(f"This is the branch {branch or '(none)'}. Releases are made from {BRANCH}.")
    if run("git", "tag", "--list", f"v{version}", cwd=root):
        raise ReleaseError(f"The tag v{version} exists already.")
    find_section((root / CHANGELOG).read_text(encoding="utf-8"), version)
    if find_remote(root) is None and not dry_run:
        raise ReleaseError(
            "The package's page names the repository, which has no public address here. Name it:"
            " git remote add origin https://…"
        )


def find_section(changelog: str, version: str) -> str:
    """Return the text of the version's section, which is not released yet."""
    found = re.search(
        rf"^## {re.escape(version)} \(unreleased\)\n(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE
    )
    if found is None:
        raise ReleaseError(f'{CHANGELOG} has no heading "## {version} (unreleased)".')
    if not re.search(r"^- ", found[1], re.MULTILINE):
        raise ReleaseError(f"{CHANGELOG} says nothing about {version}.")
    return found[1]


def prepare(root: Path, version: str, day: datetime.date, remote: str | None) -> None:
    """Write the version, the date in the changelog, and the addresses of the project."""
    for name, pattern in PLACES:
        path = root / name
        written = re.sub(r"(a|b|rc)", r"-\1", version) if (name, pattern) == SEMANTIC else version
        text, count = re.subn(pattern, rf"\g<1>{written}", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if count != 1:
            raise ReleaseError(f"{name} has {count} lines like {pattern!r} in place of one.")
        path.write_text(text, encoding="utf-8")
    changelog = root / CHANGELOG
    text = changelog.read_text(encoding="utf-8")
    changelog.write_text(text.replace(f"## {version} (unreleased)", f"## {version} ({day})"), encoding="utf-8")
    project = root / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    if remote is not None and "[project.urls]" not in text:
        lines = "".join(f'{name} = "{url}"\n' for name, url in project_urls(remote).items())
        text = text.replace("[project.scripts]\n", f"[project.urls]\n{lines}\n[project.scripts]\n")
        project.write_text(text, encoding="utf-8")


def read_versions(root: Path) -> list[str]:
    """Return the version in each of its places."""
    texts = [(re.search(pattern, (root / name).read_text(encoding="utf-8"), re.MULTILINE)) for name, pattern in PLACES]
    return [found[2].replace("-", "") if found else "" for found in texts]


def find_remote(root: Path) -> str | None:
    """Return the public address of the repository, as a browser opens it; None where it has none."""
    done = subprocess.run(["git", "remote", "get-url", "origin"], cwd=root, capture_output=True, text=True, check=False)
    return to_page(done.stdout.strip())


def to_page(remote: str) -> str | None:
    """Return the page of a remote: ``git@host:owner/name.git`` is https://host/owner/name."""
    if match := re.fullmatch(r"(?:ssh://)?git@([^:/]+)[:/](.+)", remote):
        remote = f"https://{match[1]}/{match[2]}"
    parts = urlsplit(remote)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    # A user name or a token in the address is nobody's business.
    return f"https://{parts.hostname}{parts.path.removesuffix('/').removesuffix('.git')}"


def project_urls(page: str) -> dict[str, str]:
    """Return the addresses for the package's page."""
    return {
        "Source": page,
        "Documentation": f"{page}/tree/{BRANCH}/notebooks",
        "Changelog": f"{page}/blob/{BRANCH}/{CHANGELOG}",
        "Issues": f"{page}/issues",
    }


def build(source: Path, dist: Path) -> None:
    """Build the sdist, the wheel from it, and check both; the checkout's own wheel must have the same files."""
    step("sdist and wheel")
    run(sys.executable, "-m", "build", "--outdir", str(dist), str(source))
    direct = dist.with_name("direct")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", str(direct), str(source))
    ((wheel,), (other,)) = (list(folder.glob("*.whl")) for folder in (dist, direct))
    lost = compare_wheels(other, wheel)
    if lost:
        raise ReleaseError(f"The sdist lacks files of the wheel: {', '.join(lost)}.")
    print(run(sys.executable, "-m", "twine", "check", "--strict", *map(str, sorted(dist.iterdir()))))
    # W002: Jupyter reads copies of the extensions' files. W004: migrations are loaded by their path.
    print(run(sys.executable, "-m", "check_wheel_contents", "--ignore", "W002,W004", str(wheel)))


def compare_wheels(one: Path, other: Path) -> list[str]:
    """Return the names of the files that one of two wheels lacks, or that differ."""
    found = []
    for path in (one, other):
        with zipfile.ZipFile(path) as archive:
            found.append({info.filename: info.CRC for info in archive.infolist()})
    return sorted(name for name in found[0].keys() | found[1].keys() if found[0].get(name) != found[1].get(name))


def find_python(version: str) -> str:
    """Return an interpreter of this version that runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)]
    for candidate in candidates:
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        if candidate is not None:
            done = subprocess.run([str(candidate), "-c", code], capture_output=True, text=True, check=False)
            if done.stdout.strip() == version:
                return str(candidate)
    raise ReleaseError(f"Python {version} is not on this machine. Install it, or leave it out with --pythons.")


def try_wheel(wheel: Path, python: str, home: Path, version: str) -> None:
    """Install the wheel with its dependencies alone, and use it from outside; then let the doctor look at it."""
    programs = home / "bin"
    # Nothing of this user's Jupyter, and no checkout: all is in the environment.
    clean = {"PATH": f"{programs}{os.pathsep}{os.defpath}", "HOME": str(home / "home"), "LANG": "C.UTF-8"}
    install = make_environment(python, home)
    (home / "home").mkdir()
    run(*install, str(wheel))
    print(run(str(programs / "python"), "-W", "error::DeprecationWarning:jupyter_figserve", str(CHECK), version,
              cwd=home / "home", env=clean))  # fmt: skip
    run(*install, "ipykernel")
    print(run(str(programs / "jupyter"), "figserve", "doctor", cwd=home / "home", env=clean))


def make_environment(python: str, home: Path) -> list[str]:
    """Make a virtual environment; return the command that installs packages into it."""
    uv = shutil.which("uv")
    if uv is not None:
        run(uv, "venv", "--quiet", "--python", python, str(home))
        return [uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
    run(python, "-m", "venv", str(home))
    return [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]


def commit(root: Path, version: str) -> None:
    names = sorted({name for name, _ in PLACES}) + [CHANGELOG, "pyproject.toml"]
    run("git", "add", *names, cwd=root)
    run("git", "commit", "--quiet", "--message", f"Release {version}", cwd=root)
    run("git", "tag", "--annotate", f"v{version}", "--message", f"jupyter_figserve {version}", cwd=root)


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command and return its output; raise ``ReleaseError`` with it if the command fails."""
    environment = {**(os.environ if env is None else env), "NO_COLOR": "1"}
    environment.pop("FORCE_COLOR", None)
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise ReleaseError(f"`{' '.join(command)}` failed:\n{done.stdout.strip()}")
    return done.stdout.strip()


def step(title: str) -> None:
    print(f"\n== {title}", flush=True)


if __name__ == "__main__":
    main()
