"""Who may do what, in words, module by module; and the roles that the space makes for itself."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tremplin.identity import identity_settings, selectors, services
from tremplin.identity import roles as catalogue
from tremplin.identity.errors import IdentityError
from tremplin.identity.importing.export import csv_bytes, separator_for
from tremplin.identity.internal import authority, role_matrix
from tremplin.identity.models import CustomRole
from tremplin.identity.role_forms import DeleteRoleForm, RoleForm
from tremplin.kernel import settings_store
from tremplin.kernel.access import guarded
from tremplin.kernel.entitled import needs_feature

CODE_LENGTH = 40


def _own_roles_state(request: HttpRequest) -> dict[str, bool]:
    """Return whether the space makes roles of its own, and whether this person may switch that."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    model = identity_settings.IdentitySettings
    source = settings_store.explain(model, request.tenant, "identity")["custom_roles"]  # type: ignore[attr-defined]
    may = ctx.can("identity.manage_roles")
    return {
        "own_roles": identity_settings.current().custom_roles,
        "can_make": identity_settings.current().custom_roles and may,
        "can_switch": may and not (source.locked and source.level != "tenant"),
        "may_manage_roles": may,
    }


@guarded("identity.view_people")
@require_GET
def table(request: HttpRequest) -> HttpResponse:
    """Show the permission table as it is stored, one section per module that is on."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    roles = catalogue.roles_for(ctx.tenant.kind)
    held = catalogue.permissions_by_role()
    people = selectors.count_by_role()
    context = {
        "page_title": _("Roles"),
        "roles": [
            {
                "code": role.code,
                "label": catalogue.name_of(role),
                "seat": role.counts_as_seat,
                "own": catalogue.is_custom(role.code),
                "people": people.get(role.code, 0),
                "permissions": len(held.get(role.code, ())),
            }
            for role in roles
        ],
        "sections": [
            {
                "name": section.name,
                "rows": [
                    {
                        "label": line.label,
                        "cells": [line.code in held.get(role.code, ()) for role in roles],
                    }
                    for line in section.lines
                ],
            }
            for section in role_matrix.sections(ctx)
        ],
        **_own_roles_state(request),
    }
    return render(request, "identity/roles/table.html", context)


@guarded("identity.view_people")
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """Send the permission table as CSV."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    roles = catalogue.roles_for(ctx.tenant.kind)
    held = catalogue.permissions_by_role()
    yes, no = _("yes"), _("no")
    header = [_("Module"), _("Permission"), _("Code"), *map(catalogue.name_of, roles)]
    rows = (
        [
            section.name,
            line.label,
            line.code,
            *(yes if line.code in held.get(role.code, ()) else no for role in roles),
        ]
        for section in role_matrix.sections(ctx)
        for line in section.lines
    )
    content = csv_bytes(header, rows, separator=separator_for(request.LANGUAGE_CODE))  # type: ignore[attr-defined]
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="roles.csv"'
    return response


@guarded("identity.manage_roles")
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Let the space make roles of its own, or stop; those it made stay."""
    if not _own_roles_state(request)["can_switch"]:
        raise PermissionDenied
    wanted = request.POST.get("on") == "1"
    services.allow_custom_roles(request.tenant, wanted)  # type: ignore[attr-defined]
    messages.success(
        request,
        _("This space may make roles of its own.")
        if wanted
        else _("No new role can be made. Those that exist stay as they are."),
    )
    return redirect("people:roles")


def _role(request: HttpRequest, code: str) -> catalogue.Role:
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    for role in catalogue.roles_for(ctx.tenant.kind):
        if role.code == code:
            return role
    raise Http404


@guarded("identity.view_people")
@require_GET
def detail(request: HttpRequest, code: str) -> HttpResponse:
    """Show one role: what it is for, who holds it, what it allows and what it does not."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    role = _role(request, code)
    held = catalogue.permissions_by_role().get(code, frozenset())
    own = CustomRole.objects.filter(group__name=code).select_related("created_by").first()
    state = _own_roles_state(request)
    context = {
        "page_title": catalogue.name_of(role),
        "role": role,
        "own": own,
        "origin": catalogue.label(own.copied_from) if own is not None else "",
        "people": selectors.count_with_role(code),
        "sections": [
            {
                "name": section.name,
                "rows": [(line.label, line.code in held) for line in section.lines],
                "count": sum(line.code in held for line in section.lines),
            }
            for section in role_matrix.sections(ctx)
        ],
        "can_edit": own is not None and state["can_make"] and _within_reach(ctx, code),
        "can_delete": own is not None and state["may_manage_roles"] and _within_reach(ctx, code),
        "can_copy": state["can_make"],
    }
    return render(request, "identity/roles/detail.html", context)


def _within_reach(ctx: Any, code: str) -> bool:
    """Tell whether the person may give this role: only then may she change or delete it."""
    return code in authority.assignable_codes(ctx)


def _own_role(request: HttpRequest, code: str) -> CustomRole:
    """Return a role of the space that the person may change. Raises 404, or 403 beyond her reach."""
    role = get_object_or_404(CustomRole.objects.select_related("group"), group__name=code)
    if not _within_reach(request.ctx, code):  # type: ignore[attr-defined]
        raise PermissionDenied
    return role


def _checked(form: RoleForm) -> set[str]:
    if form.is_bound:
        return set(form.data.getlist("permissions"))  # type: ignore[attr-defined]
    return set(form.initial.get("permissions", ()))


def _form_page(request: HttpRequest, form: RoleForm, **more: Any) -> HttpResponse:
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    grantable = authority.grantable_permissions(ctx)
    ticked = _checked(form)
    context = {
        "form": form,
        "sections": [
            {
                "name": section.name,
                "slug": section.slug,
                "rows": [(line.code, line.label, line.code in ticked) for line in section.lines],
            }
            for section in role_matrix.sections(ctx, grantable)
        ],
        **more,
    }
    return render(request, "identity/roles/form.html", context, status=422 if form.errors else 200)


def _shown_permissions(ctx: Any) -> frozenset[str]:
    """Return what the form offers: what the person may hand on, of the modules that are on."""
    grantable = authority.grantable_permissions(ctx)
    return frozenset(
        line.code for section in role_matrix.sections(ctx, grantable) for line in section.lines
    )


@guarded("identity.manage_roles")
@needs_feature("roles.custom")
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Make a role by copying another one (``from``), then choosing what it allows."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    if not _own_roles_state(request)["can_make"]:
        messages.info(request, _("This space does not make roles of its own."))
        return redirect("people:roles")
    origin = _role(request, (request.POST or request.GET).get("from", "learner")[:CODE_LENGTH])
    offered = _shown_permissions(ctx)
    copied = catalogue.permissions_by_role().get(origin.code, frozenset())
    name = catalogue.name_of(origin)
    form = RoleForm(
        request.POST or None,
        grantable=offered,
        initial={
            "label": _("Copy of %(role)s") % {"role": name},
            "permissions": sorted(copied & offered),
        },
    )
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            role = services.create_role(
                values["label"],
                values["description"],
                copied_from=origin.code,
                permissions=values["permissions"],
                grantable=offered,
                created_by=request.user,  # type: ignore[arg-type]
            )
        except IdentityError as error:
            form.add_error("label" if "name" in error.code else None, error.message)
        else:
            messages.success(request, _("The role “%(name)s” is ready.") % {"name": role.label})
            return redirect("people:role", code=role.group.name)
    known = {line.code for section in role_matrix.sections(ctx) for line in section.lines}
    return _form_page(
        request,
        form,
        page_title=_("New role"),
        origin=origin,
        origin_name=name,
        origins=[(r.code, catalogue.name_of(r)) for r in catalogue.roles_for(ctx.tenant.kind)],
        dropped=len((copied & known) - offered),
    )


@guarded("identity.manage_roles")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, code: str) -> HttpResponse:
    """Rename a role of the space, describe it, change what it allows."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    role = _own_role(request, code)
    if not _own_roles_state(request)["can_make"]:
        messages.info(request, _("This space does not make roles of its own."))
        return redirect("people:role", code=code)
    offered = _shown_permissions(ctx)
    held = catalogue.permissions_by_role().get(code, frozenset())
    form = RoleForm(
        request.POST or None,
        grantable=offered,
        initial={
            "label": role.label,
            "description": role.description,
            "permissions": sorted(held & offered),
        },
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.change_role(role, grantable=offered, **form.cleaned_data)
        except IdentityError as error:
            form.add_error("label" if "name" in error.code else None, error.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("people:role", code=code)
    return _form_page(
        request,
        form,
        page_title=_("Edit the role"),
        role=role,
        people=selectors.count_with_role(code),
    )


@guarded("identity.manage_roles")
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, code: str) -> HttpResponse:
    """Delete a role of the space; its holders get another one first."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    role = _own_role(request, code)
    holders = role.group.user_set.count()
    choices = [
        (item.code, catalogue.name_of(item))
        for item in authority.assignable(ctx)
        if item.code != code
    ]
    form = DeleteRoleForm(request.POST or None, choices=choices, needed=holders > 0)
    if request.method == "POST" and form.is_valid():
        try:
            moved = services.delete_role(role, move_to=form.cleaned_data["move_to"])
        except IdentityError as error:
            form.add_error(None, error.message)
        else:
            messages.success(
                request,
                ngettext(
                    "The role was deleted. %(count)s person was moved.",
                    "The role was deleted. %(count)s people were moved.",
                    moved,
                )
                % {"count": moved},
            )
            return redirect("people:roles")
    context = {
        "page_title": _("Delete the role “%(name)s”") % {"name": role.label},
        "role": role,
        "code": code,
        "form": form,
        "holders": holders,
        "shown": list(role.group.user_set.order_by("last_name", "first_name")[:20]),
    }
    return render(
        request, "identity/roles/delete.html", context, status=422 if form.errors else 200
    )
