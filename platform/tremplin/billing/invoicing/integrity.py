"""Every final invoice compared with what was finalised, and every series with its counter."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Prefetch

from tenants import registry
from tenants.context import use
from tremplin.billing.invoicing import cii, content, numbering
from tremplin.billing.invoicing.files import stored_state
from tremplin.billing.models import Invoice, InvoiceLine, InvoiceSeries
from tremplin.kernel import audit

logger = logging.getLogger(__name__)

BATCH = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold: ``reason`` is a code, ``number`` an invoice or a series."""

    reason: str
    number: str
    invoice: UUID | None = None


@dataclass(frozen=True, slots=True)
class IntegrityReport:
    """What ``verify`` read and found."""

    invoices: int
    series: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings


def verify(
    *, with_files: bool = False, progress: Callable[[int], None] | None = None
) -> IntegrityReport:
    """Read all final invoices that carry a number of ours.

    ``with_files`` also compares the stored XML with the rows and the files with their SHA-256. A
    file that was lost is not a finding: it is made again at the next download.
    """
    findings: list[Finding] = []
    count = 0
    rows = (
        Invoice.objects.exclude(state=Invoice.State.DRAFT)
        .filter(series__isnull=False)
        .select_related("series", "corrects")
        .prefetch_related(Prefetch("lines", InvoiceLine.objects.order_by("position")))
        .order_by("series_id", "sequence")
    )
    for row in rows.iterator(chunk_size=BATCH):
        findings.extend(_faults(row, with_files=with_files))
        count += 1
        if progress is not None and count % BATCH == 0:
            progress(count)
    counters = list(InvoiceSeries.objects.filter(last_number__gt=0).order_by("pk"))
    for series in counters:
        findings.extend(_gaps(series))
    return IntegrityReport(count, len(counters), tuple(findings))


def _faults(row: Invoice, *, with_files: bool) -> Iterator[Finding]:
    lines = list(row.lines.all())
    if content.fingerprint(row, lines) != row.content_hash:
        yield Finding("content_changed", row.number, row.pk)
        return
    series = row.series
    if series is None or row.sequence is None or row.issued_on is None:
        return
    if numbering.text_of(series.template, row.issued_on.year, row.sequence) != row.number:
        yield Finding("number_differs", row.number, row.pk)
    if row.credited_minor > row.total_minor:
        yield Finding("credited_too_much", row.number, row.pk)
    if not with_files:
        return
    if row.xml is not None and bytes(row.xml) != cii.document(row, lines):
        yield Finding("xml_differs", row.number, row.pk)
    if stored_state(row) == "changed":
        yield Finding("file_changed", row.number, row.pk)


def _gaps(series: InvoiceSeries) -> Iterator[Finding]:
    rows = list(
        series.invoices.exclude(state=Invoice.State.DRAFT)
        .order_by("sequence")
        .values_list("sequence", "issued_on")
    )
    name = series.template
    if [number for number, _day in rows] != list(range(1, series.last_number + 1)):
        yield Finding("numbers_not_continuous", name)
    days = [day for _number, day in rows]
    if days != sorted(days):
        yield Finding("dates_not_in_order", name)


def report_to_operator(report: IntegrityReport) -> int:
    """Log the findings and record them in the operator's audit log; return how many."""
    for finding in report.findings:
        logger.error("invoice %s: %s", finding.number, finding.reason)
    tenant = registry.hq()
    if report.findings and tenant is not None:
        with use(tenant):
            audit.record(
                "billing.invoices_broken",
                data={
                    "count": len(report.findings),
                    "numbers": [finding.number for finding in report.findings[:50]],
                    "reasons": sorted({finding.reason for finding in report.findings}),
                },
            )
    return len(report.findings)
