"""Refusals of invoicing, as problems that pages and the API show."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from tremplin.api import Problem


class IdentityMissing(Problem):
    """The seller or the buyer lacks what the law wants on an invoice (422).

    ``extra``: ``party`` (``seller``, ``buyer``) and ``fields``, the names of the account's fields.
    """

    def __init__(self, party: str, fields: Sequence[tuple[str, str]]) -> None:
        names = ", ".join(label for _field, label in fields)
        if party == "seller":
            text = _("The seller's billing details are not complete. Fill in: %(names)s.")
        else:
            text = _("Your billing details are not complete. Fill in: %(names)s.")
        super().__init__(
            422,
            "billing_identity_missing",
            text % {"names": names},
            {"party": party, "fields": [field for field, _label in fields]},
        )


class InvoiceRefused(Problem):
    """These lines make no invoice (422): none, below zero, or a currency with three decimals."""

    def __init__(self, reason: str) -> None:
        text = {
            "no_lines": _("An invoice needs at least one line."),
            "below_zero": _("An invoice cannot be below zero: issue a credit note."),
            "currency": _("An electronic invoice cannot be in a currency with three decimals."),
            "unknown_rate": _("The credited lines have a VAT rate that the invoice does not have."),
            "not_an_invoice": _("A draft or a credit note cannot be credited."),
        }[reason]
        super().__init__(422, f"invoice_{reason}", text, {"reason": reason})


class CreditTooLarge(Problem):
    """More than what is left of the invoice (422); ``extra["left_minor"]``."""

    def __init__(self, left: str, left_minor: int) -> None:
        super().__init__(
            422,
            "credit_too_large",
            _("Only %(left)s of this invoice can still be credited.") % {"left": left},
            {"left_minor": left_minor},
        )


class FrozenInvoice(Problem):
    """A finalised invoice never changes and is never deleted (409)."""

    def __init__(self) -> None:
        super().__init__(
            409,
            "invoice_frozen",
            _("A finalised invoice does not change: issue a credit note instead."),
        )


class InvoiceBroken(Problem):
    """The stored row is no longer what was finalised (409): nothing is made from it."""

    def __init__(self, number: str) -> None:
        super().__init__(
            409,
            "invoice_broken",
            _("Invoice %(number)s is not what was finalised: tell the operator.")
            % {"number": number},
        )


class BadTemplate(Problem):
    """The form of numbers is not usable (422), or numbers were already given (409)."""

    def __init__(self, reason: str) -> None:
        text = {
            "form": _("Use {n:06d} once and {year} at most once, 32 characters at most."),
            "taken": _("Another series of yours has the same numbers: choose another form."),
            "used": _("This series has numbers already: its form cannot change."),
        }[reason]
        super().__init__(409 if reason == "used" else 422, f"number_{reason}", text)
