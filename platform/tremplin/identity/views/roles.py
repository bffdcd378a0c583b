"""Who may do what, in words, module by module."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tremplin.identity import roles as catalogue
from tremplin.identity import selectors
from tremplin.kernel import registry
from tremplin.kernel.access import guarded


def _module_name(label: str, language: str) -> str:
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
    }
    return names.get(label, label)


@guarded("identity.view_people")
@require_GET
def table(request: HttpRequest) -> HttpResponse:
    """Show the permission table as it is stored, one section per module that is on."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    language = get_language() or "en"
    grants = {
        (row["label"], row["codename"], row["role"])
        for row in Permission.objects.filter(
            content_type__model="module", group__isnull=False
        ).values("codename", label=F("content_type__app_label"), role=F("group__name"))
    }
    roles = catalogue.roles_for(ctx.tenant.kind)
    sections = []
    for label, permissions in catalogue.declared_permissions().items():
        if not permissions or (registry.get(label) is not None and label not in ctx.enabled):
            continue
        if label == "operations" and ctx.tenant.kind != "hq":
            continue
        rows = [
            {
                "label": permission.label.in_language(language),
                "cells": [(label, permission.code, role.code) in grants for role in roles],
            }
            for permission in permissions
        ]
        sections.append({"name": _module_name(label, language), "rows": rows})
    context = {
        "page_title": _("Roles"),
        "roles": [
            {
                "code": role.code,
                "label": catalogue.label(role.code),
                "seat": role.counts_as_seat,
                "people": selectors.count_with_role(role.code),
            }
            for role in roles
        ],
        "sections": sections,
    }
    return render(request, "identity/roles.html", context)
