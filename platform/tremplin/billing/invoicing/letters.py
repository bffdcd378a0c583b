"""The mail that brings an invoice or a credit note, with its file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import override

from tenants import registry
from tenants.branding.mail import Action, Letter, compose
from tenants.context import use
from tremplin.api import services
from tremplin.billing.invoicing import files, wording
from tremplin.billing.models import Invoice
from tremplin.kernel import clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

# An older invoice is no news: its file was made again, or history was loaded.
NEWS = timedelta(days=2)


def send(invoice: Invoice) -> bool:
    """Send a final invoice to the buyer's mailbox, in the buyer's look and in its own language.

    Returns whether a mail left: not for a provider that numbers and sends its own, nor without an
    address, nor for an invoice older than ``NEWS`` (business clock).
    """
    tenant = registry.by_pk(invoice.tenant_id)
    if tenant is None or invoice.series_id is None or invoice.finalised_at is None:
        return False
    if clock.now() - invoice.finalised_at > NEWS:
        return False
    to = invoice.account.email or tenant.email
    if not to:
        return False
    content = files.read(invoice)
    with use(tenant), override(invoice.locale):
        mail = compose(to, letter(tenant, invoice))
        mail.attach(files.name(invoice), content, "application/pdf")
        mail.send()
    return True


def letter(tenant: TenantInfo, invoice: Invoice) -> Letter:
    """Return what the mail says, in the active language."""
    facts = {
        "number": invoice.number,
        "amount": wording.amount(invoice.total_minor, invoice.currency),
        "due": formats.date_format(invoice.due_on, "DATE_FORMAT") if invoice.due_on else "",
        "corrected": invoice.corrects.number if invoice.corrects is not None else "",
    }
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        title = _("Your credit note %(number)s")
        what = _("The credit note %(number)s of %(amount)s corrects the invoice %(corrected)s.")
    elif invoice.state == Invoice.State.PAID:
        title = _("Your invoice %(number)s")
        what = _("Thank you: the invoice %(number)s of %(amount)s is paid.")
    elif invoice.provider in wording.CARDS:
        title = _("Your invoice %(number)s")
        what = _("The invoice %(number)s of %(amount)s is charged to your card.")
    else:
        title = _("Your invoice %(number)s")
        what = _(
            "The invoice %(number)s of %(amount)s is due on %(due)s. Please write its number on "
            "your transfer."
        )
    url = services.tenancy().absolute_url(tenant, "/console/billing/invoices/")
    return Letter(
        title % facts,
        (
            what % facts,
            _("The file is attached: a PDF to read, with a Factur-X for accounting software."),
        ),
        Action(_("See the invoices"), url),
    )
