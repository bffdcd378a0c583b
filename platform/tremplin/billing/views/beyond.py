"""What may be used beyond the plan: the amount that the customer sets, feature by feature."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tenants.registry import TenantInfo
from tremplin.api import Problem
from tremplin.billing import services
from tremplin.billing.forms import CapForm
from tremplin.billing.money import amount_text
from tremplin.kernel.access import guarded
from tremplin.licensing import overage
from tremplin.licensing.notices import label_of


def rows(tenant: TenantInfo, sent: CapForm | None = None) -> list[dict[str, Any]]:
    """Return what is billed beyond the plan, each with its form; ``sent`` replaces its own."""
    found = []
    for terms in overage.terms(tenant):
        form = CapForm(terms=terms)
        if sent is not None and sent.terms.feature == terms.feature:
            form = sent
        found.append(
            {
                "terms": terms,
                "label": label_of(terms.feature),
                "form": form,
                "amount": amount_text(terms.cap_minor, terms.currency),
            }
        )
    return found


@require_POST
@guarded(permission="billing.manage")
def save(request: HttpRequest) -> HttpResponse:
    """Set how much may be billed beyond the plan for one feature; 0 stops it at once."""
    from tremplin.licensing import selectors

    tenant = request.tenant
    wanted = request.POST.get("feature", "")
    terms = next((item for item in overage.terms(tenant) if item.feature == wanted), None)
    if terms is None:
        messages.error(request, _("Nothing is billed beyond the plan for this."))
        return redirect("billing:usage")
    form = CapForm(request.POST, terms=terms)
    if form.is_valid():
        try:
            services.set_overage_cap(tenant, terms.feature, form.cap_minor())
        except Problem as problem:
            form.add_error("cap", problem.detail)
        else:
            messages.success(request, _("The amount beyond the plan is saved."))
            return redirect("billing:usage")
    context = {**selectors.usage(tenant), "beyond": rows(tenant, form), "can_manage": True}
    return render(request, "billing/usage.html", context, status=422)
