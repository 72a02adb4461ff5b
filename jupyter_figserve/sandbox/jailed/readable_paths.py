"""The paths that a sandbox may read: what Python, matplotlib and fonts need, and nothing of the user's. Child side."""

from __future__ import annotations

import importlib.util
import os
import site
import sys
import sysconfig

# Shared libraries, fonts and time zones. Not the rest of /usr, whose programs nothing here may start.
_SYSTEM = """
/lib /lib64 /usr/lib /usr/lib64 /usr/local/lib/x86_64-linux-gnu /usr/local/lib/aarch64-linux-gnu
/etc/ld.so.cache /etc/fonts /etc/localtime /usr/share/fonts /usr/local/share/fonts /usr/share/fontconfig
/usr/share/zoneinfo /usr/share/matplotlib /dev/null /dev/zero /dev/urandom
""".split()


def readable_paths() -> list[str]:
    """For the interpreter that runs this.

    Directories of the standard library and of installed packages are named one by one: never a whole prefix, which may
    be somebody's home, and never what a ``.pth`` file of an editable installation points to.
    """
    python = sysconfig.get_paths()
    paths = [python[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [path for path in site.getsitepackages() if path in sys.path]
    paths += _packages_of("matplotlib", "numpy")
    for prefix in {sys.prefix, sys.base_prefix}:
        if os.path.isdir(os.path.join(prefix, "conda-meta")):
            # Conda keeps the libraries of all packages in one directory, and fonts beside it.
            paths += [os.path.join(prefix, "lib"), os.path.join(prefix, "fonts"), os.path.join(prefix, "share/fonts")]
    return [path for path in dict.fromkeys([*_SYSTEM, *paths]) if path and os.path.exists(path)]


def _packages_of(*libraries: str) -> list[str]:
    """The directories of installed packages that these are in: an environment may lend those of another one."""
    found = [spec for spec in map(importlib.util.find_spec, libraries) if spec is not None and spec.origin]
    directories = [os.path.dirname(os.path.dirname(spec.origin or "")) for spec in found]
    return [path for path in directories if os.path.basename(path) in ("site-packages", "dist-packages")]
