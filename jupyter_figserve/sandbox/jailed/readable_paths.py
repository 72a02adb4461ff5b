"""Paths that the sandbox may read: what Python, matplotlib and fonts need, and none of the user's files. Zygote."""

from __future__ import annotations

import importlib.util
import os
import site
import sys
import sysconfig

# Shared libraries, fonts and time zones; not the rest of /usr, because the sandbox starts no programs.
_SYSTEM = """
/lib /lib64 /usr/lib /usr/lib64 /usr/local/lib/x86_64-linux-gnu /usr/local/lib/aarch64-linux-gnu
/etc/ld.so.cache /etc/fonts /etc/localtime /usr/share/fonts /usr/local/share/fonts /usr/share/fontconfig
/usr/share/zoneinfo /usr/share/matplotlib /dev/null /dev/zero /dev/urandom
""".split()


def readable_paths() -> list[str]:
    """Return the readable paths for the current interpreter.

    The directories of the standard library and of installed packages are listed one by one: never a whole prefix, which
    may be a home directory, and never the target of a ``.pth`` file of an editable installation.
    """
    python = sysconfig.get_paths()
    paths = [python[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [path for path in site.getsitepackages() if path in sys.path]
    paths += _packages_of("matplotlib", "numpy")
    for prefix in {sys.prefix, sys.base_prefix}:
        if os.path.isdir(os.path.join(prefix, "conda-meta")):
            # Conda keeps the libraries of all packages in one directory, and its fonts in two others.
            paths += [os.path.join(prefix, "lib"), os.path.join(prefix, "fonts"), os.path.join(prefix, "share/fonts")]
    return [path for path in dict.fromkeys([*_SYSTEM, *paths]) if path and os.path.exists(path)]


def _packages_of(*libraries: str) -> list[str]:
    """Return the site-packages directories of these libraries; an environment may use those of another one."""
    found = [spec for spec in map(importlib.util.find_spec, libraries) if spec is not None and spec.origin]
    directories = [os.path.dirname(os.path.dirname(spec.origin or "")) for spec in found]
    return [path for path in directories if os.path.basename(path) in ("site-packages", "dist-packages")]
