"""Hosts of the space: add one's own, prove it, make it the main one, remove it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from tenants import domains
from tenants.errors import DomainNotVerified, TenancyError
from tenants.models import Domain
from tremplin.kernel import audit, entitled
from tremplin.kernel.access import guarded

MOST = 20


def _own(request: HttpRequest, domain: UUID) -> Domain:
    """Return a host of this space only: every other is unknown here."""
    found = Domain.objects.filter(
        uuid=domain,
        tenant_id=request.tenant.pk,  # type: ignore[attr-defined]
    ).first()
    if found is None:
        raise Http404
    return found


def _unicode(host: str) -> str:
    """Return an internationalised host as people read it, or an empty string when it is plain."""
    try:
        readable = host.encode("ascii").decode("idna")
    except UnicodeError:
        return ""
    return readable if readable != host else ""


def reason_in_words(reason: str) -> str:
    """Say in the reader's language why the proof failed."""
    text = reason.lower()
    if "private address" in text:
        return _("the name leads to a private address, which the internet cannot reach")
    if "another site answered" in text:
        return _("another site answers at this name: its DNS record leads elsewhere")
    if "http error" in text:
        return _("the host answers, but not as this platform: its DNS record leads elsewhere")
    if "timed out" in text:
        return _("the host does not answer on port 80")
    if "refused" in text:
        return _("the host refuses connections on port 80")
    if "name" in text or "address" in text or "errno -" in text:
        return _("the name has no DNS record yet, or the change has not spread")
    return reason


@guarded("identity.manage_security")
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """List the hosts; a POST reserves a new one until it is proved."""
    tenant = request.tenant  # type: ignore[attr-defined]
    problem, typed = "", ""
    if request.method == "POST" and not (found := entitled.check("domains.custom")).allowed:
        return entitled.page(request, "domains.custom", found)
    if request.method == "POST":
        typed = request.POST.get("host", "").replace("\x00", "").strip()[:300]
        if Domain.objects.filter(tenant_id=tenant.pk).count() >= MOST:
            problem = _("A space has at most %(limit)s domains: remove one first.") % {
                "limit": MOST
            }
        else:
            try:
                added = domains.add(tenant, typed)
            except TenancyError as error:
                problem = str(error)
            else:
                audit.record("security.domain_added", data={"host": added.domain})
                messages.success(request, _("Now create the DNS record below, then check."))
                return redirect("people:domains")
    rows = list(Domain.objects.filter(tenant_id=tenant.pk).order_by("-is_primary", "kind", "pk"))
    default = next((row.domain for row in rows if row.kind == Domain.Kind.SUBDOMAIN), "")
    context: dict[str, Any] = {
        "page_title": _("Domains"),
        "rows": [
            {
                "domain": row,
                "readable": _unicode(row.domain),
                "is_custom": row.kind == Domain.Kind.CUSTOM,
                "is_here": row.domain == request.get_host().split(":")[0],
                "proof": f"http://{row.domain}{domains.CHALLENGE_PATH}{row.uuid}",
                "records": [("CNAME", f"{row.domain}.", f"{default}.")],
            }
            for row in rows
        ],
        "default": default,
        "problem": problem,
        "typed": typed,
        "demo": settings.DEMO,
        "spaces_domain": settings.SPACES_DOMAIN,
    }
    return render(
        request, "identity/security/domains.html", context, status=422 if problem else 200
    )


@guarded("identity.manage_security")
@require_POST
def check(request: HttpRequest, domain: UUID) -> HttpResponse:
    """Ask the host for its proof now."""
    found = _own(request, domain)
    if found.verified_at is None:
        try:
            domains.verify(found)
        except DomainNotVerified as error:
            messages.error(
                request,
                _("%(host)s is not proved yet: %(reason)s.")
                % {
                    "host": found.domain,
                    "reason": reason_in_words(str(error.values.get("reason", ""))),
                },
            )
            return redirect("people:domains")
        audit.record("security.domain_verified", data={"host": found.domain})
    messages.success(request, _("%(host)s leads to this space.") % {"host": found.domain})
    return redirect("people:domains")


@guarded("identity.manage_security")
@require_POST
def primary(request: HttpRequest, domain: UUID) -> HttpResponse:
    """Use this host in every link from now on."""
    found = _own(request, domain)
    if not found.is_primary:
        try:
            domains.make_primary(found)
        except DomainNotVerified:
            messages.error(request, _("Prove the domain first."))
            return redirect("people:domains")
        audit.record("security.domain_primary", data={"host": found.domain})
    messages.success(request, _("Links and mails now use %(host)s.") % {"host": found.domain})
    return redirect("people:domains")


@guarded("identity.manage_security")
@require_POST
def remove(request: HttpRequest, domain: UUID) -> HttpResponse:
    """Give up an own host; the address given by the platform stays, and so does the main one."""
    found = _own(request, domain)
    if found.is_primary or found.kind != Domain.Kind.CUSTOM:
        messages.error(request, _("The main domain stays: choose another one first."))
        return redirect("people:domains")
    domains.remove(found)
    audit.record("security.domain_removed", data={"host": found.domain})
    messages.success(request, _("%(host)s was removed.") % {"host": found.domain})
    return redirect("people:domains")
