"""Generates the reference page of hooks from their specifications."""

from __future__ import annotations

import inspect
from typing import Any

from tremplin.api import API_VERSION, hookspecs
from tremplin.testing.surface import hook_names

INTRODUCTION = {
    "Start-up hooks": (
        hookspecs.STARTUP,
        "Called once per process after Django is ready; the results are validated, then frozen. "
        "An error quarantines the module: it is off everywhere and the operator sees why.",
    ),
    "Question hooks": (
        hookspecs.QUESTIONS,
        "Asked of the modules that are on or read-only for the tenant. A module that fails, or "
        "answers a wrong type, contributes nothing and hides nobody's answer; five failures within "
        "a minute leave its hook alone for five minutes. Budget: 50 ms and two queries.",
    ),
    "Life-cycle hooks": (
        hookspecs.LIFE_CYCLE,
        "Called for one module inside the tenant, in a transaction of their own. They are "
        "idempotent, and their errors reach the caller.",
    ),
}


def hooks_page() -> str:
    """Return ``docs/reference/hooks.md``."""
    lines = [
        "# Hooks",
        "",
        f"Plugin API {API_VERSION}. A hook is a question that core asks; the module answers with "
        "frozen values of `tremplin.api`. Implementations are methods of the plugin object marked "
        "`@hookimpl`; they may take fewer arguments than the specification, never a default value, "
        "`*` or `**`, and are never `async`.",
        "",
        "This page is generated from `tremplin.api.hookspecs`: "
        "`python3 manage.py test tests/contracts --update-golden` writes it again.",
    ]
    for title, (names, text) in INTRODUCTION.items():
        lines += ["", f"## {title}", "", text]
        for name in hook_names():
            if name in names:
                lines += ["", *_section(getattr(hookspecs, name))]
    return "\n".join(lines) + "\n"


def signature(spec: Any) -> str:
    """Return ``def name(arguments) -> answer`` of a hook specification."""
    return f"def {spec.__name__}{inspect.signature(spec)}".replace("'", "")


def _section(spec: Any) -> list[str]:
    text = inspect.cleandoc(spec.__doc__ or "").replace("``", "`")
    return [f"### {spec.__name__}", "", "```python", signature(spec), "```", "", text]
