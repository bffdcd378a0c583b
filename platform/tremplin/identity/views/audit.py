"""The whole audit log: filters, details, check of the chain, signed export."""

from __future__ import annotations

import tempfile
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tremplin.identity import audit_check, audit_reading
from tremplin.identity.audit_reading import AuditFilter, Cursor
from tremplin.identity.internal.downloads import attachment, until_now, zone_of
from tremplin.identity.views.security import kind_labels
from tremplin.kernel import audit, audit_export
from tremplin.kernel.access import guarded
from tremplin.kernel.models import AuditEvent


def labels() -> dict[str, str]:
    """Return the names of the kinds of every part of the platform that has one."""
    return {
        **kind_labels(),
        "settings.changed": _("Settings changed"),
        "module.activated": _("Module activated"),
        "module.deactivated": _("Module deactivated"),
        "licence.changed": _("Licence changed"),
        "modules.switched_on": _("Module switched on"),
        "modules.switched_off": _("Module switched off"),
        "modules.trial_started": _("Trial of a module started"),
        "modules.settings_changed": _("Settings of a module changed"),
        "branding.published": _("Branding published"),
        "reseller.client_created": _("Client created by the reseller"),
        "reseller.preset_published": _("Brand preset published"),
        "branding.restored": _("Branding restored"),
        "privacy.exported": _("Personal data exported"),
        "privacy.erasure_requested": _("Erasure requested"),
        "privacy.erasure_cancelled": _("Erasure cancelled"),
        "privacy.erased": _("Personal data erased"),
        "profiles.accommodation_set": _("Accommodation changed"),
        "operations.space_requested": _("Space requested"),
        "operations.space_created": _("Space created"),
        "operations.space_suspended": _("Space suspended"),
        "operations.space_resumed": _("Space opened again"),
        "operations.reseller_terms": _("Terms of a reseller changed"),
        "operations.reseller_price": _("Price of a reseller changed"),
        "operations.commission_paid": _("Commission paid out"),
        "reseller.price_set": _("Price for clients set"),
        "reseller.module_hidden": _("Module hidden from clients"),
        "reseller.module_shown": _("Module shown to clients"),
        "reseller.statement_exported": _("Margin statement exported"),
        "reseller.invoice_settled": _("Payment of a client recorded"),
        "support.asked": _("Help asked for"),
    }


def _families() -> dict[str, str]:
    """Return the first words of kinds, each a filter of its own."""
    return {
        "security.": _("All of security"),
        "people.": _("All of people"),
        "settings.": _("All of settings"),
        "modules.": _("All of modules"),
        "branding.": _("All of branding"),
        "privacy.": _("All of privacy"),
        "operations.": _("All of operations"),
        "reseller.": _("All of the reseller’s trade"),
    }


def _choices(chosen: str) -> list[tuple[str, str]]:
    """Return the filters that this log can answer: families first, then kinds by their name."""
    held, names = audit_reading.kinds(), labels()
    families = [
        (code, name)
        for code, name in _families().items()
        if any(kind.startswith(code) for kind in held)
    ]
    listed = sorted(((kind, names.get(kind, kind)) for kind in held), key=lambda pair: pair[1])
    known = {code for code, _name in [*families, *listed]}
    extra = [(chosen, names.get(chosen, chosen))] if chosen and chosen not in known else []
    return [*families, *extra, *listed]


def _check_context() -> dict[str, Any]:
    reasons = {
        "its content was changed": _("its content was changed"),
        "a row before it was removed or changed": _("a row before it was removed or changed"),
        "older than the retention checkpoint": _("it is older than the retention checkpoint"),
    }
    last = audit_check.last_check()
    return {"check": last, "check_reason": reasons.get(last.reason, last.reason) if last else ""}


@guarded("kernel.view_audit")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show every event, newest first, page by key."""
    wanted = AuditFilter.read(request.GET)
    rows = audit_reading.matching(wanted, timezone=zone_of(request))
    page = audit_reading.page(rows, Cursor.read(request.GET), wanted.query())
    context = {
        "page_title": _("Audit log"),
        "page": page,
        "filter": wanted,
        "kinds": _choices(wanted.kind),
        "rows": audit_reading.shown(page.rows, labels()),
        "query": urlencode(wanted.query()),
        "public_key": audit_export.public_key(),
        **_check_context(),
    }
    return render(request, "identity/security/audit.html", context)


@guarded("kernel.view_audit")
@require_GET
def detail(request: HttpRequest, event: int) -> HttpResponse:
    """Show one event with everything it holds; a drawer for htmx, a page otherwise."""
    row = AuditEvent.objects.filter(pk=event).first() if event < 2**63 else None
    if row is None:
        raise Http404
    (shown,) = audit_reading.shown([row], labels())
    context = {
        "page_title": _("Event %(number)s") % {"number": row.pk},
        "row": shown,
        "event": row,
        "intact": audit.row_hash(row) == row.row_hash,
    }
    is_drawer = request.headers.get("HX-Request") == "true"
    template = "audit_drawer" if is_drawer else "audit_event"
    return render(request, f"identity/security/{template}.html", context)


@guarded("kernel.view_audit")
def verify(request: HttpRequest) -> HttpResponse:
    """Show how the last check stands; a POST asks for a new one."""
    if request.method == "POST":
        if not audit_check.ask():
            messages.info(request, _("A check is already under way."))
        return redirect("people:audit")
    return render(request, "identity/security/audit_check.html", _check_context())


@guarded("kernel.view_audit")
@require_POST
def export(request: HttpRequest) -> HttpResponseBase:
    """Send the events that the filters keep as a signed archive; the export is an event too."""
    wanted = AuditFilter.read(request.POST)
    person: Any = request.ctx.person  # type: ignore[attr-defined]
    audit.record("security.audit_exported", data={"filters": sorted(wanted.query())})
    rows = until_now(audit_reading.matching(wanted, timezone=zone_of(request)))
    file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
    audit_export.write(file, rows, filters=wanted.query(), by=person.id)
    return attachment(request, file, what="audit", extension="zip", content_type="application/zip")
