"""From uploaded bytes to the lines of a bank statement, through the limited process."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from tremplin.api import Problem
from tremplin.kernel import limited_process

MAX_BYTES = 10 * 1024 * 1024
WORKERS = {kind: Path(__file__).with_name(f"{kind}_worker.py") for kind in ("camt", "csv")}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a statement.

    ``key`` is the same each time the bank tells of this movement; ``amount`` is in major units,
    positive (empty when unreadable), ``day`` ISO 8601; ``state`` says why a line is no payment.
    """

    number: int
    key: str
    day: str
    amount: str
    currency: str
    is_credit: bool
    account: str
    reference: str
    label: str
    party: str
    state: str

    @property
    def on(self) -> date | None:
        """Return the day on which the money moved."""
        return date.fromisoformat(self.day) if self.day else None

    @property
    def money(self) -> Decimal | None:
        """Return the amount in major units."""
        return Decimal(self.amount) if self.amount else None

    def plain(self) -> dict[str, Any]:
        """Return the line as JSON values."""
        return asdict(self)


def _messages() -> dict[str, str]:
    return {
        "too_big": _("The file is larger than 10 MB. Ask your bank for a shorter period."),
        "too_many_lines": _(
            "The statement has more than 2,000 lines. Ask your bank for a shorter period."
        ),
        "empty": _("The file is empty."),
        "no_lines": _("The statement holds no movement."),
        "not_xml": _("This is not complete XML. Download the statement from your bank again."),
        "dtd": _("The file declares a document type or entities, which we refuse."),
        "not_camt": _("This XML is not a bank statement: choose the format CAMT.053."),
        "other_message": _(
            "This is a %(detail)s message, not a statement: choose the format CAMT.053."
        ),
        "other_version": _(
            "Version %(detail)s of CAMT.053 is not read: choose one from 02 to 08, or CSV."
        ),
        "spreadsheet": _("This is a spreadsheet. Save it as CSV, then choose the CSV file."),
        "not_text": _("This file is not a statement: choose CAMT.053 (XML) or CSV."),
        "not_csv": _("The file is not a readable CSV. Download the statement again."),
        "no_columns": _(
            "No line of titles was found: a date and an amount (or credit) are needed."
        ),
        "too_many_columns": _("The line of titles has more than 60 columns."),
        "column_twice": _("Two columns mean the same thing: %(detail)s. Keep one of them."),
        "no_currency": _("Nothing says the currency: add a column “Currency”."),
        "unreadable": _("The file could not be read. Download the statement again."),
    }


def refusal(code: str, detail: str = "") -> Problem:
    """Return the error (422) for ``code`` in the reader's language."""
    text = _messages()[code].replace("%(detail)s", detail[:200])
    return Problem(422, f"statement_{code}", text)


def read(data: bytes) -> list[Entry]:
    """Return the lines of a statement, XML or CSV. Raises ``Problem`` 422."""
    if len(data) > MAX_BYTES:
        raise refusal("too_big")
    if not data.strip():
        raise refusal("empty")
    worker = WORKERS["camt" if is_xml(data) else "csv"]
    try:
        answer: dict[str, Any] = json.loads(
            limited_process.run(worker, data, timeout=20.0, memory_mb=768, cpu_seconds=10)
        )
    except (limited_process.LimitedProcessError, ValueError) as error:
        raise refusal("unreadable") from error
    if problem := answer.get("problem"):
        known = problem if problem in _messages() else "unreadable"
        raise refusal(known, str(answer.get("detail", "")))
    return entries_of(answer["lines"])


def is_xml(data: bytes) -> bool:
    """Tell whether bytes begin like XML, in UTF-8 or in UTF-16."""
    return data[:200].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:1] == b"<"


def entries_of(lines: list[dict[str, Any]]) -> list[Entry]:
    """Return the lines with their keys.

    The bank's own reference identifies a movement of an account; without one its day, amount, label
    and its place among identical movements do. A reference that a bank gives twice is told apart by
    the same means.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for line in lines:
        amount = str(Decimal(line["amount"]).normalize()) if line["amount"] else ""
        ref = line["bank_ref"]
        own = (ref,) if ref else (line["entry_ref"], line["label"])
        side = "credit" if line["credit"] else "debit"
        facts = (line["account"], line["date"], amount, line["currency"], side, *own)
        seen[facts] += 1
        text = json.dumps([*facts, seen[facts]], ensure_ascii=False)
        key = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        found.append(
            Entry(
                number=line["line"],
                key=key,
                day=line["date"],
                amount=line["amount"],
                currency=line["currency"],
                is_credit=line["credit"],
                account=line["account"],
                reference=ref or f"BANK-{key[:16]}",
                label=line["label"],
                party=line["party"],
                state=line["state"],
            )
        )
    return found
