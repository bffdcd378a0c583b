"""Console pages of the OpenID providers of a space."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenants import registry
from tremplin.kernel import entitled
from tremplin.kernel.access import guarded
from tremplin.kernel.current import tenant_required
from tremplin.kernel.entitled import needs_feature
from tremplin.sso import role_mapping, selectors, services
from tremplin.sso.errors import SsoError
from tremplin.sso.forms import OidcForm
from tremplin.sso.models import Connection
from tremplin.sso.oidc import discovery, presets


def callback_url(slug: str) -> str:
    """Return the return address of a connection on the primary host, to copy at the provider."""
    path = reverse("openid_connect_callback", args=[slug])
    return registry.absolute_url(tenant_required(), path)


def _find(connection: UUID, *kinds: str) -> Connection:
    return get_object_or_404(selectors.connections(), pk=connection, kind__in=kinds)


def _find_oidc(connection: UUID) -> Connection:
    return _find(connection, Connection.Kind.OIDC)


@guarded("sso.manage_sso")
@needs_feature("sso.enabled")
@require_GET
def choose(request: HttpRequest) -> HttpResponse:
    """Show the providers we know."""
    context: dict[str, Any] = {
        "page_title": _("Add a provider"),
        "presets": presets.PRESETS,
        "saml_url": reverse("sso_console:saml_new"),
    }
    return render(request, "sso/connections/choose.html", context)


@guarded("sso.manage_sso")
@needs_feature("sso.enabled")
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, preset: str) -> HttpResponse:
    """Add an OpenID provider, switched off until it answers."""
    known = presets.BY_CODE.get(preset)
    if known is None:
        raise Http404
    slug = services.free_slug(known.label)
    initial = {
        "label": "" if known.code == "generic" else known.label,
        "default_role": role_mapping.lowest_role(),
        "creates_people": True,
        "updates_profile": True,
        "role_attribute": "",
    }
    form = OidcForm(
        request.POST or None,
        ctx=request.ctx,  # type: ignore[attr-defined]
        preset=known,
        initial=initial,
    )
    if request.method == "POST" and form.is_valid():
        try:
            connection = services.create_oidc(known.code, form.values(), slug=slug)
        except SsoError as error:
            form.add_error(None, error.message)
        else:
            messages.success(
                request, _("Saved. Copy the return address, test the provider, then switch it on.")
            )
            return redirect("sso_console:oidc_edit", connection=connection.pk)
    context = {
        "page_title": _("Add %(name)s") % {"name": known.label},
        "form": form,
        "preset": known,
        "callback_url": callback_url(slug),
    }
    return render(request, "sso/connections/add.html", context, status=422 if form.errors else 200)


@guarded("sso.manage_sso")
@needs_feature("sso.enabled")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, connection: UUID) -> HttpResponse:
    """Show and change an OpenID provider."""
    found = _find_oidc(connection)
    preset = presets.of(found.preset)
    form = OidcForm(
        request.POST or None,
        ctx=request.ctx,  # type: ignore[attr-defined]
        preset=preset,
        connection=found,
        initial=OidcForm.initial_of(found),
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.update_oidc(found, form.values())
        except SsoError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The connection is saved."))
            return redirect("sso_console:oidc_edit", connection=found.pk)
    return _page(request, found, form, 422 if form.errors else 200)


def _page(
    request: HttpRequest,
    found: Connection,
    form: OidcForm | None,
    status: int,
    report: discovery.Report | None = None,
) -> HttpResponse:
    preset = presets.of(found.preset)
    context = {
        "page_title": found.label,
        "connection": found,
        "form": form
        or OidcForm(
            ctx=request.ctx,  # type: ignore[attr-defined]
            preset=preset,
            connection=found,
            initial=OidcForm.initial_of(found),
        ),
        "preset": preset,
        "report": report,
        "callback_url": callback_url(found.slug),
        "identities": selectors.count_identities(found),
        "domains": sorted(selectors.proven_domains()),
        "domains_url": reverse("sso_console:domains"),
    }
    return render(request, "sso/connections/oidc.html", context, status=status)


def _examine(found: Connection) -> discovery.Report:
    report = discovery.examine(found.app.settings.get("server_url", ""), found.preset)
    problem = next((check.detail for check in report.checks if check.is_ok is False), "")
    services.note_test(found, is_ok=report.is_ok, problem=problem)
    return report


@guarded("sso.manage_sso")
@needs_feature("sso.enabled")
@require_POST
def test(request: HttpRequest, connection: UUID) -> HttpResponse:
    """Ask the provider what it announces and show what is wrong with it."""
    found = _find_oidc(connection)
    return _page(request, found, None, 200, _examine(found))


@guarded("sso.manage_sso")
@require_POST
def switch(request: HttpRequest, connection: UUID) -> HttpResponse:
    """Open or close a connection for sign-in; a provider that does not answer is not opened."""
    found = _find(connection, Connection.Kind.OIDC, Connection.Kind.PLATFORM)
    wanted = request.POST.get("active") == "1"
    plan = entitled.check(selectors.FEATURE)
    if wanted and found.kind == Connection.Kind.OIDC and not plan.allowed:
        return entitled.page(request, selectors.FEATURE, plan)
    if wanted and found.kind == Connection.Kind.OIDC:
        report = _examine(found)
        if not report.is_ok:
            messages.error(request, _("Not switched on: look at what is wrong below."))
            return _page(request, found, None, 422, report)
    if services.set_active(found, wanted):
        text = (
            _("“%(name)s” is on the sign-in page.")
            if wanted
            else _("“%(name)s” is no longer on the sign-in page.")
        )
        messages.success(request, text % {"name": found.label})
    return redirect("sso_console:index")


@guarded("sso.manage_sso")
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, connection: UUID) -> HttpResponse:
    """Say what deleting a connection does, then do it."""
    found = _find_oidc(connection)
    if request.method == "POST":
        label = found.label
        services.delete(found)
        messages.success(request, _("“%(name)s” is deleted.") % {"name": label})
        return redirect("sso_console:index")
    context = {
        "page_title": _("Delete “%(name)s”?") % {"name": found.label},
        "connection": found,
        "identities": selectors.count_identities(found),
    }
    return render(request, "sso/connections/delete.html", context)
