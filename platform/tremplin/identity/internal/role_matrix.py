"""The table of roles and permissions: what each role of the space allows, module by module."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tremplin.api.context import TenantContext
from tremplin.identity import roles as catalogue
from tremplin.kernel import registry


@dataclass(frozen=True, slots=True)
class Line:
    """One permission; ``code`` is ``<label>.<code>``."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Section:
    """The permissions of one module."""

    slug: str
    name: str
    lines: tuple[Line, ...]


def module_name(label: str, language: str) -> str:
    """Return the name of a module or of a part of the core."""
    entry = registry.get(label)
    if entry is not None and entry.manifest is not None:
        return entry.manifest.name.in_language(language)
    names = {
        "portal": _("Space"),
        "identity": _("People"),
        "kernel": _("Security log"),
        "privacy": _("Privacy"),
        "operations": _("Operations"),
        "profiles": _("Profiles"),
        "sso": _("Single sign-on"),
    }
    return names.get(label, label)


def sections(ctx: TenantContext, only: Collection[str] | None = None) -> list[Section]:
    """Return the permissions that mean something in this space, one section per module that is on.

    Permissions meant only for roles that this kind of space does not have are left out. ``only``
    keeps the given codes.
    """
    language = get_language() or "en"
    elsewhere = {
        role.code for role in catalogue.declared_roles() if ctx.tenant.kind not in role.kinds
    }
    found = []
    for label, permissions in catalogue.declared_permissions().items():
        if registry.get(label) is not None and label not in ctx.enabled:
            continue
        if label == "operations" and ctx.tenant.kind != "hq":
            continue
        lines = tuple(
            Line(f"{label}.{permission.code}", permission.label.in_language(language))
            for permission in permissions
            if not permission.default_roles or set(permission.default_roles) - elsewhere
            if only is None or f"{label}.{permission.code}" in only
        )
        if lines:
            found.append(Section(label, module_name(label, language), lines))
    return found
