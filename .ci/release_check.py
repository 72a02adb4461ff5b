"""What a user of the wheel does, in an environment that has nothing but it: `python release_check.py VERSION`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

PREFIX = Path(sys.prefix)
BIN = PREFIX / "bin"


def main(version: str) -> None:
    checks = (check_version, check_extension, check_lab_extension, check_metadata, check_publish)
    for check in checks:
        check(version)
        print(f"ok  {(check.__doc__ or '').partition('.')[0]}")


def check_version(version: str) -> None:
    """Both commands and the package say the version."""
    assert run("jupyter-figserve", "--version") == version
    assert run("jupyter", "figserve", "--version") == version


def check_extension(version: str) -> None:
    """The server's extension is enabled, and loads."""
    lines = [line for line in run("jupyter", "server", "extension", "list").splitlines() if "jupyter_figserve" in line]
    assert any("enabled" in line for line in lines), lines
    assert any(version in line and "OK" in line for line in lines), lines


def check_lab_extension(version: str) -> None:
    """JupyterLab's extension is there, prebuilt."""
    folder = PREFIX / "share" / "jupyter" / "labextensions" / "jupyter_figserve"
    described = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    assert described["version"] == version
    # JupyterLab asks for the address, whose query is the version.
    name, _, query = described["jupyterlab"]["_build"]["load"].partition("?")
    assert (folder / name).is_file()
    assert query == f"v={version}"


def check_metadata(_: str) -> None:
    """The package comes from the wheel, with its license and types."""
    from importlib.metadata import files, metadata

    import jupyter_figserve

    assert Path(jupyter_figserve.__file__).is_relative_to(PREFIX)
    assert metadata("jupyter_figserve")["License-Expression"] == "BSD-3-Clause"
    names = {str(file) for file in files("jupyter_figserve") or ()}
    assert "jupyter_figserve/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def check_publish(_: str) -> None:
    """A figure is published, shared and opened by its link."""
    import matplotlib

    import jupyter_figserve as figserve

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with figserve.serve(data_dir="figures"):
        plt.plot([1, 3, 2])
        link = figserve.publish(name="release").share(expires="1h")
        for url, kind in ((link.url, "text/html"), (link.image_url(), "image/png")):
            with urlopen(url) as answer:  # noqa: S310 - the server that was started above
                assert (answer.status, answer.headers.get_content_type()) == (200, kind)


def run(program: str, *arguments: str) -> str:
    done = subprocess.run([str(BIN / program), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


if __name__ == "__main__":
    main(sys.argv[1])
