"""Generates the reference pages from the code: hooks, settings, events, permissions, commands."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from tremplin.api import API_VERSION, hookspecs
from tremplin.testing.surface import hook_names

HOW = "`python3 manage.py test tests/contracts --update-golden` writes it again."

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
        f"This page is generated from `tremplin.api.hookspecs`: {HOW}",
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


def settings_page() -> str:
    """Return ``docs/reference/settings.md``: the environment of an installation."""
    from tremplin.config.env import ROOT, Environment

    rows = []
    for name, info in Environment.model_fields.items():
        default = "" if info.is_required() else info.get_default(call_default_factory=True)
        if isinstance(default, Path) and default.is_relative_to(ROOT):
            default = default.relative_to(ROOT)
        shown = (
            "the folder `var/`" if name == "data_dir" else f"`{default}`" if default != "" else ""
        )
        rows.append((f"`TREMPLIN_{name.upper()}`", _kind(info.annotation), shown, info.description))
    return _page(
        "Settings",
        "An installation is configured by `DATABASE_URL` (`postgresql://user:password@host/name`; "
        "absent: the embedded server) and the variables below. An unknown `TREMPLIN_*` variable "
        "stops the start.",
        ("variable", "values", "default", "meaning"),
        rows,
    )


def events_page() -> str:
    """Return ``docs/reference/events.md``: every fact that a module may subscribe to."""
    rows = []
    for event, publisher in _events():
        fields = ", ".join(f"`{name}`" for name in event.model_fields)
        rows.append((f"`{event.event_name}`", publisher, fields, inspect.getdoc(event) or ""))
    return _page(
        "Events",
        "Delivered at least once, in order per aggregate, to the modules that are on. Readers ignore "
        "fields they do not know. The schemas are in `tests/contracts/events/`.",
        ("event", "published by", "fields", "meaning"),
        rows,
    )


def permissions_page() -> str:
    """Return ``docs/reference/permissions.md``: every right and the roles that hold it at first."""
    from tremplin.identity.roles import declared_permissions

    rows = [
        (
            f"`{label}.{item.code}`",
            item.label.en,
            item.label.fr,
            ", ".join(item.default_roles) or "nobody",
        )
        for label, items in sorted(declared_permissions().items())
        for item in items
    ]
    return _page(
        "Permissions",
        "A right is checked as `<app>.<code>`. The roles are those that hold it in a new space; an "
        "administrator may change them.",
        ("permission", "English", "French", "roles at first"),
        rows,
    )


def commands_page() -> str:
    """Return ``docs/reference/commands.md``: the commands of ``manage.py`` that are ours."""
    from importlib import import_module

    from django.core.management import get_commands

    rows = []
    for name, app in sorted(get_commands().items()):
        if not isinstance(app, str) or not app.startswith(("tremplin", "tenants", "plugins")):
            continue
        command = import_module(f"{app}.management.commands.{name}").Command
        rows.append((f"`{name}`", getattr(command, "tremplin_scope", ""), str(command.help)))
    return _page(
        "Commands",
        "`python3 manage.py <command> --help` lists the options. `demo`, `dev`, `test` and `bench` "
        "are described in the README.",
        ("command", "scope", "what it does"),
        rows,
    )


def _events() -> list[tuple[Any, str]]:
    from tremplin.testing.contract.subjects import discovery
    from tremplin.testing.core_events import CORE_EVENTS

    owners = {event.event_name: (event, "core") for event in CORE_EVENTS}
    for found in discovery().found:
        for event in found.manifest.events_published:
            owner = owners.get(event.event_name)
            names = (
                found.slug if owner is None or owner[1] == "core" else f"{owner[1]}, {found.slug}"
            )
            owners[event.event_name] = (event, names)
    return [owners[name] for name in sorted(owners)]


def _kind(annotation: Any) -> str:
    """Return the values of a setting: its type, or its choices."""
    text = str(annotation) if not isinstance(annotation, type) else annotation.__name__
    for former, new in (
        ("typing.Literal", ""),
        ("pathlib.Path", "folder"),
        ("Path", "folder"),
        ("str", "text"),
        (" | None", ""),
    ):
        text = text.replace(former, new)
    return text.strip("[]").replace("'", "`")


def _page(title: str, text: str, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [f"# {title}", "", text, "", f"This page is generated from the code: {HOW}", ""]
    lines.append(f"| {' | '.join(head)} |")
    lines.append(f"|{'|'.join(' --- ' for _column in head)}|")
    for row in rows:
        cells = [" ".join(str(cell or "").split()).replace("|", "\\|") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


PAGES = {
    "hooks.md": hooks_page,
    "settings.md": settings_page,
    "events.md": events_page,
    "permissions.md": permissions_page,
    "commands.md": commands_page,
}
