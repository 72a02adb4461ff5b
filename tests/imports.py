"""The imports of a package's modules, parsed from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "jupyter_figserve"


@dataclass(frozen=True)
class Import:
    """One imported module.

    Parameters
    ----------
    importer, target
        Dotted names; a target of ours is the name of a module if there is one.
    at_import
        Whether the import runs with its importer: not inside a function, and not only for type checkers.
    """

    importer: str
    target: str
    at_import: bool
    line: int

    @property
    def is_ours(self) -> bool:
        return self.target.split(".")[0] == PACKAGE

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}: {self.target}"


def find_modules(root: Path) -> dict[str, Path]:
    """Return the modules of the package in directory ``root``, by dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def read_imports(modules: dict[str, Path]) -> list[Import]:
    return [each for name, path in modules.items() for each in _read(name, path, modules)]


def find_cycles(edges: set[tuple[str, str]]) -> list[str]:
    """Return the nodes on cycles: those that remain after repeatedly removing nodes without successors."""
    nodes = {node for edge in edges for node in edge}
    while leaves := {node for node in nodes if not any(a == node and b in nodes for a, b in edges)}:
        nodes -= leaves
    while roots := {node for node in nodes if not any(b == node and a in nodes for a, b in edges)}:
        nodes -= roots
    return sorted(nodes)


def _read(name: str, path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node, at_import in _walk(ast.parse(path.read_text(encoding="utf-8")), at_import=True):
        for target in _targets(node, package, modules):
            yield Import(name, target, at_import, node.lineno)


def _walk(node: ast.AST, at_import: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, at_import
            continue
        if isinstance(child, ast.expr):  # an expression contains no import
            continue
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or _is_for_types(child)
        yield from _walk(child, at_import and not later)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _targets(node: ast.Import | ast.ImportFrom, package: str, modules: dict[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    above = package.split(".")[: len(package.split(".")) - (node.level - 1)] if node.level else []
    base = ".".join([*above, *([node.module] if node.module else [])])
    for alias in node.names:
        # `from . import links` imports a module, `from .links import Link` a name in one.
        # The version is a value without a module, which any layer may import.
        whole = f"{base}.{alias.name}"
        yield whole if whole in modules or alias.name == "__version__" else base
