"""Reminders of late payments, per subscription: after 1, 7 and 14 days, in the space's look."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import override

from tenants import registry
from tenants.branding.mail import Action, Letter, compose
from tenants.context import use
from tremplin.api import services
from tremplin.billing import accounts
from tremplin.billing.models import Invoice, Subscription
from tremplin.billing.money import amount_text
from tremplin.billing.orders import open_minor
from tremplin.billing.providers import get
from tremplin.kernel import audit, clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

DAYS = (1, 7, 14)


def run(at: datetime) -> int:
    """Send the reminders that are due and return how many; after a gap only the latest of each."""
    rows = Subscription.objects.filter(ended_at=None, unpaid_since__lte=at).select_related(
        "account"
    )
    return sum(remind(row, at) for row in rows)


def step_at(unpaid_since: datetime, at: datetime) -> int:
    """Return how many reminders should have left by ``at`` (0 to 3)."""
    return sum(at >= unpaid_since + timedelta(days=days) for days in DAYS)


def remind(subscription: Subscription, at: datetime) -> int:
    """Send the next reminder of one subscription, once; return 1 when one leaves."""
    if "engine" not in get(subscription.provider).capabilities:
        # The provider writes to its customers.
        return 0
    tenant = registry.by_pk(subscription.tenant_id)
    if tenant is None:
        return 0
    with transaction.atomic(), services.tenancy().public_write("dunning"):
        accounts.lock(subscription.account)
        row = Subscription.objects.select_for_update().get(pk=subscription.pk)
        if row.unpaid_since is None or row.ended_at is not None:
            return 0
        wanted = step_at(row.unpaid_since, at)
        if wanted <= row.dunning_step:
            return 0
        row.dunning_step = wanted
        row.save(update_fields=["dunning_step", "updated_at"])
        invoice = (
            row.invoices.filter(state=Invoice.State.OPEN, kind=Invoice.Kind.INVOICE)
            .order_by("finalised_at", "id")
            .first()
        )
        if invoice is None:
            return 0
        with use(tenant):
            audit.record(
                "billing.reminded",
                target=f"subscription:{row.pk}",
                data={"step": wanted, "invoice": str(invoice.pk)},
            )
        transaction.on_commit(lambda: _send(tenant, row, invoice, wanted))
    return 1


def _send(tenant: TenantInfo, row: Subscription, invoice: Invoice, step: int) -> None:
    from tremplin.api.tasks import enqueue
    from tremplin.billing.tasks import send_reminder

    with use(tenant), transaction.atomic():
        enqueue(send_reminder, invoice=str(invoice.pk), step=step)


def letter(tenant: TenantInfo, invoice: Invoice, step: int) -> Letter:
    """Return the reminder number ``step`` in the active language."""
    facts = {
        "number": invoice.number,
        "amount": amount_text(open_minor(invoice), invoice.currency),
        "due": formats.date_format(invoice.due_on, "DATE_FORMAT") if invoice.due_on else "",
        "space": tenant.name,
    }
    title = {
        1: _("Invoice %(number)s is late"),
        2: _("Second reminder: invoice %(number)s"),
        3: _("Last reminder: invoice %(number)s"),
    }[step] % facts
    what = _("Invoice %(number)s of %(amount)s was due on %(due)s and is not paid yet.") % facts
    then = {
        1: _("Everything keeps working. Please pay it, or replace your card."),
        2: _("Everything still works. Please pay it within a week."),
        3: _(
            "From now on no seat can be added; in seven days %(space)s becomes read-only. Nothing "
            "is deleted, and a payment restores everything at once."
        )
        % facts,
    }[step]
    url = services.tenancy().absolute_url(tenant, "/console/billing/invoices/")
    return Letter(title, (what, then), Action(_("See the invoice"), url))


def send(invoice: Invoice, step: int) -> bool:
    """Send a reminder to the billing mailbox, unless the invoice was paid since."""
    tenant = registry.by_pk(invoice.tenant_id)
    invoice.refresh_from_db()
    if tenant is None or invoice.state != Invoice.State.OPEN:
        return False
    to = invoice.account.email or tenant.email
    if not to:
        return False
    with use(tenant), override(tenant.locale):
        compose(to, letter(tenant, invoice, step)).send()
    return True


def sent_steps(subscription: Subscription) -> tuple[int, ...]:
    """Return the days of the reminders that have left for the current delay."""
    return DAYS[: subscription.dunning_step]


def late_days(subscription: Subscription) -> int:
    """Return for how many whole days a subscription is unpaid."""
    if subscription.unpaid_since is None:
        return 0
    return max((clock.now() - subscription.unpaid_since).days, 0)
