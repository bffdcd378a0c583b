"""The source tree as the architecture tests see it: files, imports, calls; parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = (ROOT / "platform", ROOT / "tenants", ROOT / "plugins")
SKIPPED = frozenset({"__pycache__", ".venv", "node_modules", "static"})


@lru_cache(maxsize=1)
def product_files() -> tuple[Path, ...]:
    """Return every Python file of the product; tests and migrations are left out."""
    return tuple(
        path
        for root in SOURCE_ROOTS
        for path in sorted(root.rglob("*.py"))
        if not (SKIPPED | {"tests", "migrations"}) & set(path.relative_to(ROOT).parts)
    )


@lru_cache(maxsize=2048)
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """Return a path as shown in messages and allow lists: ``platform/tremplin/kernel/gate.py``."""
    return path.relative_to(ROOT).as_posix()


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` of a name or attribute, and ``()`` for a call in between."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return f"{dotted(node.func)}()"
    return ""


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every call in a file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of every absolute import in a file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"
