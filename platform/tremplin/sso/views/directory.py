"""The directory page of the console: address, tokens, roles of groups, what was refused."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from tremplin.identity.api_access import keys
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import User
from tremplin.kernel.access import guarded
from tremplin.kernel.entitled import needs_feature
from tremplin.sso.models import CohortRole
from tremplin.sso.scim import groups, overview
from tremplin.sso.scim.authentication import SCOPE
from tremplin.sso.scim.forms import RoleForm, RotateForm, TokenForm
from tremplin.sso.views.scim import ROOT

PAGE = "sso_console:directory"
SHOWN_PEOPLE = 12


@guarded("sso.manage_sso")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show how to connect a directory and what it does here."""
    return _page(request)


@guarded("sso.manage_sso")
@needs_feature("scim.enabled")
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Create, renew or revoke a token; a new secret is shown in the answer and never again."""
    person: Any = request.user
    action = request.POST.get("action", "")
    if action == "create":
        form = TokenForm(request.POST)
        if not form.is_valid():
            return _page(request, token_form=form, status=422)
        try:
            _key, secret = keys.create(
                name=form.cleaned_data["name"], scopes=[SCOPE], created_by=person
            )
        except IdentityError as error:
            form.add_error("name", error.message)
            return _page(request, token_form=form, status=422)
        return _page(request, secret=secret)
    key = overview.token(request.POST.get("key", "")[:20])
    if key is None:
        raise Http404
    if action == "revoke":
        keys.revoke(key)
        messages.success(request, _("The token “%(name)s” works no more.") % {"name": key.name})
        return redirect(PAGE)
    rotation = RotateForm(request.POST)
    if not rotation.is_valid():
        messages.error(request, _("Choose how long the former secret keeps working."))
        return redirect(PAGE)
    try:
        secret = keys.rotate(key, overlap=rotation.cleaned_data["overlap"])
    except IdentityError as error:
        messages.error(request, error.message)
        return redirect(PAGE)
    return _page(request, secret=secret)


@guarded("sso.manage_sso")
@require_POST
def role(request: HttpRequest) -> HttpResponse:
    """Preview, add or remove a role that a group gives."""
    action = request.POST.get("action", "")
    if action == "remove":
        identifier = request.POST.get("mapping", "")
        mapping = get_object_or_404(CohortRole, pk=identifier) if _is_uuid(identifier) else None
        if mapping is None:
            raise Http404
        _say(request, groups.unmap_role(mapping), given=False)
        return redirect(PAGE)
    form = RoleForm(request.POST, ctx=request.ctx)  # type: ignore[attr-defined]
    if not form.is_valid():
        return _page(request, role_form=form, status=422)
    cohort, code = form.cleaned_data["cohort"], form.cleaned_data["role"]
    if action != "save":
        return _page(request, role_form=form, preview=groups.preview(cohort, code))
    try:
        _say(request, groups.map_role(cohort, code), given=True)
    except IdentityError as error:
        form.add_error(None, error.message)
        return _page(request, role_form=form, status=422)
    return redirect(PAGE)


def _is_uuid(text: str) -> bool:
    from uuid import UUID

    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _say(request: HttpRequest, count: int, *, given: bool) -> None:
    if given:
        text = ngettext(
            "Saved: %(count)d person received the role.",
            "Saved: %(count)d people received the role.",
            count,
        )
    else:
        text = ngettext(
            "Removed: %(count)d person lost the role.",
            "Removed: %(count)d people lost the role.",
            count,
        )
    messages.success(request, text % {"count": count})


def _page(
    request: HttpRequest,
    *,
    token_form: TokenForm | None = None,
    role_form: RoleForm | None = None,
    preview: list[User] | None = None,
    secret: str = "",
    status: int = 200,
) -> HttpResponse:
    tokens = overview.tokens()
    context = {
        "page_title": _("Directory"),
        "base_url": request.build_absolute_uri(ROOT),
        "secret": secret,
        "tokens": tokens,
        "figures": overview.figures(),
        "mappings": overview.mappings(),
        "has_groups": overview.group_cohorts().exists(),
        "refusals": overview.refusals(),
        "token_form": token_form or TokenForm(),
        "rotate_form": RotateForm(),
        "role_form": role_form or RoleForm(ctx=request.ctx),  # type: ignore[attr-defined]
        "preview": preview,
        "preview_count": len(preview or ()),
        "preview_people": (preview or [])[:SHOWN_PEOPLE],
        "preview_more": max(0, len(preview or ()) - SHOWN_PEOPLE),
    }
    response = render(request, "sso/directory/index.html", context, status=status)
    if secret:
        response["Cache-Control"] = "no-store"
    return response
