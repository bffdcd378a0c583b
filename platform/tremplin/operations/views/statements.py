"""Import of bank statements: choose the file, look at what it would do, confirm."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext, pgettext
from django.views.decorators.http import require_http_methods

from tremplin.api import Problem
from tremplin.billing import money
from tremplin.kernel.access import guarded
from tremplin.operations.access import hq_only
from tremplin.operations.models import BankStatement
from tremplin.operations.payments.forms import StatementForm
from tremplin.operations.payments.statements import matching, services
from tremplin.operations.payments.statements.matching import Plan, Row
from tremplin.operations.views.payments import PERMISSION

PAGE_SIZE = 200
SHOWN = 10
VARIANTS = {"pay": "success", "not_found": "warning", "unreadable": "destructive"}


def state_label(state: str) -> str:
    """Return what a line would do, in the reader's language."""
    return {
        "pay": gettext("Will be marked as paid"),
        "part": gettext("Part payment: confirm by hand"),
        "over": gettext("More than is owed: look at it"),
        "several": gettext("Several invoices, other sum: look at it"),
        "currency": gettext("Wrong currency"),
        "settled": gettext("Nothing is owed any more: paid twice?"),
        "issuer": gettext("Issued by a reseller: not paid here"),
        "future": gettext("This day has not come yet."),
        "not_found": gettext("Number not found"),
        "known": gettext("Already recorded"),
        "debit": pgettext("bank statement", "Debit, ignored"),
        "reversal": gettext("Reversal, ignored"),
        "pending": gettext("Not booked yet, ignored"),
        "unreadable": gettext("Line not readable"),
    }[state]


@require_http_methods(["GET", "POST"])
@hq_only
@guarded(permission=PERMISSION)
def index(request: HttpRequest) -> HttpResponse:
    """Take a statement; its lines wait in the operator's space until they are confirmed."""
    is_sent = request.method == "POST"
    form = StatementForm(request.POST, request.FILES) if is_sent else StatementForm()
    here: Any = request
    if is_sent and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            kept = services.keep(file.read(), file.name, by=here.ctx.person.id)
        except Problem as problem:
            form.add_error("file", problem.detail)
        else:
            return redirect("operations:statement", statement=kept.pk)
    context = {
        "form": form,
        "recent": BankStatement.objects.defer("lines")[:SHOWN],
        "days": services.KEPT.days,
    }
    status = 422 if form.errors else 200
    return render(request, "operations/payments/statements.html", context, status=status)


@require_http_methods(["GET", "POST"])
@hq_only
@guarded(permission=PERMISSION)
def detail(request: HttpRequest, statement: UUID) -> HttpResponse:
    """Show what the lines would do now; a POST records the payments that were looked at."""
    found = get_object_or_404(BankStatement, pk=statement)
    here: Any = request
    zone = str(here.tenant.timezone)
    if request.method != "POST":
        return _page(request, found, zone)
    try:
        done = services.record(
            found, request.POST.get("digest", ""), by=here.ctx.person.id, zone=zone
        )
    except Problem as problem:
        return _page(request, found, zone, problem.status, problem=problem.detail)
    text = ngettext(
        "%(number)s invoice is marked as paid.",
        "%(number)s invoices are marked as paid.",
        done.invoices,
    )
    messages.success(request, text % {"number": done.invoices})
    return redirect("operations:statement", statement=found.pk)


def _page(
    request: HttpRequest, found: BankStatement, zone: str, status: int = 200, problem: str = ""
) -> HttpResponse:
    plan = services.plan(found, zone)
    chosen = request.GET.get("state", "")
    rows = [row for row in plan.rows if chosen not in plan.counts or row.state == chosen]
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "statement": found,
        "plan": plan,
        "sums": plan.sums(),
        "tabs": _tabs(plan, chosen),
        "page": page,
        "rows": [_shown(row) for row in page.object_list],
        "problem": problem,
    }
    return render(request, "operations/payments/statement.html", context, status=status)


def _tabs(plan: Plan, chosen: str) -> list[dict[str, Any]]:
    every = {
        "label": gettext("All lines"),
        "url": "?",
        "badge": len(plan.rows),
        "current": chosen not in plan.counts,
        "testid": "lines-all",
    }
    return [every] + [
        {
            "label": state_label(state),
            "url": f"?state={state}",
            "badge": plan.counts[state],
            "current": chosen == state,
            "testid": f"lines-{state}",
        }
        for state in matching.STATES
        if plan.counts[state]
    ]


def _shown(row: Row) -> dict[str, Any]:
    """Return a line as the page shows it."""
    variant = "warning" if row.state in matching.BY_HAND else "muted"
    return {
        "row": row,
        "entry": row.entry,
        "label": state_label(row.state),
        "variant": VARIANTS.get(row.state, variant),
        "confirm_url": _confirm_url(row),
    }


def _confirm_url(row: Row) -> str:
    """Return the page that takes a part payment, filled with what the bank said."""
    invoice = row.to_confirm
    if invoice is None or row.amount_minor is None:
        return ""
    said = {
        "amount": str(money.major(row.amount_minor, invoice.currency)),
        "is_part": "on",
        "received_on": row.entry.day,
        "reference": row.entry.reference,
    }
    return f"{reverse('operations:payment', args=[invoice.pk])}?{urlencode(said)}"
