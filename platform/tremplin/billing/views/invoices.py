"""The invoices of a space and their files."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tremplin.billing import collection
from tremplin.billing.invoicing import files
from tremplin.billing.models import Invoice
from tremplin.billing.views.answers import problems_answered
from tremplin.kernel.access import guarded

PER_PAGE = 25


@guarded(permission="billing.view")
def index(request: HttpRequest) -> HttpResponse:
    """List the finalised invoices and credit notes, newest first."""
    rows = (
        Invoice.objects.filter(tenant_id=request.tenant.pk)
        .exclude(state=Invoice.State.DRAFT)
        .order_by("-issued_on", "-sequence", "-created_at")
        .defer("xml")
    )
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "billing/invoices.html", {"page": page})


@require_POST
@guarded(permission="billing.manage")
@problems_answered
def pay(request: HttpRequest, invoice: UUID) -> HttpResponse:
    """Charge the kept card for a late invoice, now."""
    found = files.find_received(request.tenant, invoice)
    if collection.retry(found):
        messages.success(request, _("The invoice %(number)s is paid.") % {"number": found.number})
        return redirect("billing:index")
    messages.error(request, _("The bank refused the card."))
    return redirect("billing:card_replace")


@require_GET
@guarded(permission="billing.view")
@problems_answered
def pdf(request: HttpRequest, invoice: UUID) -> HttpResponse:
    """Send the file of one invoice of this space."""
    found = files.find_received(request.tenant, invoice)
    return HttpResponse(files.open_pdf(found), headers=files.headers(found))
