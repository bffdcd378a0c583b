"""A report of long modules and functions; guidance, so nothing fails on it."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from tests.architecture.tree import name_of, product_files, tree_of

MODULE_LINES = 400
FUNCTION_LINES = 60


def long_modules() -> dict[str, int]:
    """Return the modules above the guidance with their number of lines."""
    sizes = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in product_files()
    }
    return {name: size for name, size in sizes.items() if size > MODULE_LINES}


def long_functions() -> dict[str, int]:
    """Return the functions above the guidance with their number of lines."""
    return {
        f"{name_of(path)}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in product_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LINES
    }


def test_sizes_are_reported(record_property: Callable[[str, object], None]) -> None:
    modules, functions = long_modules(), long_functions()
    for name, size in sorted({**modules, **functions}.items(), key=lambda item: -item[1]):
        record_property(name, size)
    assert all(size > MODULE_LINES for size in modules.values())


@pytest.mark.parametrize(
    ("source", "lines"), [("def f():\n" + "    x = 1\n" * 60, 61), ("def f():\n    pass\n", 2)]
)
def test_functions_are_measured_from_first_to_last_line(source: str, lines: int) -> None:
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    assert (node.end_lineno or 0) - node.lineno + 1 == lines
