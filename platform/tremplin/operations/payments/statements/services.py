"""Keeping a statement until it is confirmed, and recording its payments once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.api import Problem
from tremplin.api import services as platform
from tremplin.billing.models import BillingAccount
from tremplin.kernel import audit, clock
from tremplin.operations.models import BankEntry, BankStatement
from tremplin.operations.payments import services as payments
from tremplin.operations.payments.forms import moment_of
from tremplin.operations.payments.statements import reading
from tremplin.operations.payments.statements.matching import Plan, Row, plan_of
from tremplin.operations.payments.statements.reading import Entry

KEPT = timedelta(days=7)


class ChangedMeanwhile(Problem):
    """The payments are not those that were looked at (409)."""

    def __init__(self) -> None:
        super().__init__(
            409,
            "statement_changed",
            _("Something changed since you looked: nothing was recorded. Check the lines again."),
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a confirmation did: lines of the bank, and invoices they paid."""

    entries: int
    invoices: int


def keep(data: bytes, name: str, *, by: UUID) -> BankStatement:
    """Read a statement and keep its lines in the current space; the file itself is not kept.

    Raises ``Problem`` 422 when it cannot be read.
    """
    entries = reading.read(data)
    with transaction.atomic():
        statement = BankStatement.objects.create(
            name="".join(char for char in name if char.isprintable())[:200] or "statement",
            sha256=hashlib.sha256(data).hexdigest(),
            lines=[entry.plain() for entry in entries],
            read_by=by,
            read_at=clock.now(),
        )
        audit.record(
            "operations.statement_read",
            target=f"statement:{statement.pk}",
            data={"sha256": statement.sha256, "lines": len(entries)},
        )
    return statement


def entries_of(statement: BankStatement) -> list[Entry]:
    """Return the lines that were kept."""
    return [Entry(**line) for line in statement.lines]


def plan(statement: BankStatement, zone: str) -> Plan:
    """Return what recording a statement would do now."""
    return plan_of(entries_of(statement), clock.today(zone))


def record(statement: BankStatement, digest: str, *, by: UUID, zone: str) -> Recorded:
    """Record the next payments of a statement, all of them or none.

    ``digest`` says which ones were looked at: raises ``ChangedMeanwhile`` when another operator, a
    credit note or a second click came first.
    """
    first = plan(statement, zone)
    if not first.batch or first.digest != digest:
        raise ChangedMeanwhile
    holders = {invoice.account_id for row in first.batch for invoice in row.invoices}
    with transaction.atomic(), platform.tenancy().public_write("payment"):
        # Always in the same order, before anything else: two operators never wait for each other.
        list(BillingAccount.objects.select_for_update().filter(pk__in=holders).order_by("pk"))
        now = plan(statement, zone)
        if now.digest != digest:
            raise ChangedMeanwhile
        for row in now.batch:
            _record(row, statement, by, zone)
        done = Recorded(len(now.batch), sum(len(row.invoices) for row in now.batch))
        audit.record(
            "operations.statement_recorded",
            target=f"statement:{statement.pk}",
            data={"entries": done.entries, "invoices": done.invoices, "sha256": statement.sha256},
        )
    return done


def _record(row: Row, statement: BankStatement, by: UUID, zone: str) -> None:
    entry = row.entry
    assert row.amount_minor is not None  # the plan says "pay"
    assert entry.on is not None
    BankEntry.objects.create(
        key=entry.key,
        invoices=[str(invoice.pk) for invoice in row.invoices],
        amount_minor=row.amount_minor,
        currency=entry.currency,
        recorded_by=by,
        recorded_at=clock.now(),
    )
    for invoice, owed in zip(row.invoices, row.owed, strict=True):
        payments.mark_paid(
            invoice,
            payments.Transfer(owed, entry.reference, moment_of(entry.on, zone)),
            by=by,
            reason=f"statement:{statement.pk}",
        )


def forget_old() -> int:
    """Delete the lines of statements read more than a week ago and return how many there were."""
    return BankStatement.objects.filter(read_at__lte=clock.now() - KEPT).delete()[0]
