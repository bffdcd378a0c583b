"""The mail that brings an invoice: once, to the buyer, with the file that is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail

from tenants.context import public_write
from tests.core.billing.invoices.conftest import AT
from tremplin.billing import invoicing
from tremplin.billing.invoicing import letters
from tremplin.billing.invoicing.tasks import mail_invoice
from tremplin.kernel.state.models import JobStatus
from tremplin.testing import freeze


@pytest.mark.parametrize(
    ("locale", "subject", "first"),
    [
        (
            "fr",
            "Votre facture %s",
            "La facture %s de 228,00\u00a0€ est à payer avant le 21 décembre 2026. Merci "
            "d’indiquer son numéro sur votre virement.",
        ),
        (
            "en",
            "Your invoice %s",
            "The invoice %s of €228.00 is due on Dec. 21, 2026. Please write its number on your "
            "transfer.",
        ),
    ],
)
def test_an_invoice_to_transfer(issued, buyer, locale, subject, first):
    found = issued(locale=locale)
    with public_write("test"):
        buyer.email = "compta@garnier.example"
        buyer.save(update_fields=["email"])
    with freeze(AT + timedelta(minutes=1)):
        mail_invoice(invoice=str(found.pk))
    (message,) = mail.outbox
    assert message.to == ["compta@garnier.example"]
    assert message.subject == subject % found.number
    assert message.body.split("\n\n")[1] == first % found.number
    name, content, kind = message.attachments[-1]
    word = "facture" if locale == "fr" else "invoice"
    assert (name, kind) == (f"{word}-{found.number}.pdf", "application/pdf")
    found.refresh_from_db()
    assert content == invoicing.pdf(found)


def test_it_is_queued_once_with_the_number(issued):
    found = issued()
    job = JobStatus.objects.get(task="tremplin.billing.invoicing.tasks.mail_invoice")
    assert job.args == {"invoice": str(found.pk)}


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("paid", "Merci\u202f: la facture %s de 228,00\u00a0€ est payée."),
        ("open", "La facture %s de 228,00\u00a0€ est prélevée sur votre carte."),
    ],
)
def test_a_card_asks_for_no_transfer(issued, state, text):
    found = issued(provider="sandbox", locale="fr")
    with public_write("test"):
        found.state = state
        found.save(update_fields=["state"])
    with freeze(AT):
        assert letters.send(found) is True
    (message,) = mail.outbox
    assert message.body.split("\n\n")[1] == text % found.number


def test_a_credit_note_names_what_it_corrects(issued):
    found = issued(locale="fr")
    note = invoicing.credit(found, lines=None, reason="erreur", at=AT)
    with freeze(AT):
        assert letters.send(note) is True
    (message,) = mail.outbox
    assert message.subject == f"Votre avoir {note.number}"
    assert message.body.split("\n\n")[1] == (
        f"L’avoir {note.number} de 228,00\u00a0€ corrige la facture {found.number}."
    )


def test_an_old_invoice_is_no_news(issued):
    found = issued()
    with freeze(AT + letters.NEWS + timedelta(seconds=1)):
        assert letters.send(found) is False
    with freeze(AT + letters.NEWS):
        assert letters.send(found) is True
    assert len(mail.outbox) == 1
