"""Golden files: a stored answer that changes only when somebody says so."""

from __future__ import annotations

import json
from difflib import unified_diff
from pathlib import Path
from typing import Any

HOW = "If the change is meant, run `python3 manage.py test --update-golden` and commit the file."


class GoldenMismatch(AssertionError):
    """Raised when an answer differs from its golden file; the message shows the difference."""


def canonical(data: Any) -> str:
    """Return ``data`` as sorted, indented JSON with a final newline (text is kept as it is)."""
    if isinstance(data, str):
        return data if data.endswith("\n") else data + "\n"
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def compare(path: Path, data: Any, *, update: bool) -> None:
    """Compare ``data`` with the golden file at ``path``, or write it when ``update`` is true.

    Raises ``GoldenMismatch`` when the file is missing or differs, saying how to update it.
    """
    wanted = canonical(data)
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted, encoding="utf-8")
        return
    if not path.is_file():
        raise GoldenMismatch(f"{path.name} does not exist. {HOW}")
    held = path.read_text(encoding="utf-8")
    if held != wanted:
        lines = unified_diff(
            held.splitlines(), wanted.splitlines(), "stored", "now", lineterm="", n=2
        )
        shown = "\n".join(list(lines)[:80])
        raise GoldenMismatch(f"{path.name} is not what the code says now. {HOW}\n{shown}")
