"""Reads one bank statement (ISO 20022 camt.053) from standard input, answers JSON.

Runs alone (``python -I``) in a process with limits, because the bytes come from strangers.
Element names: ISO 20022 "Bank-to-Customer Statement", camt.053.001.02 to .08, which differ in their
namespace, in the status of an entry (text, then ``Cd``) and in parties (``Dbtr/Nm``, then
``Dbtr/Pty/Nm``).

Answer: ``{"problem": code, "detail": text}`` or ``{"lines": [...]}``, each line with ``line`` (from
1), ``date`` (ISO), ``amount`` (major units, positive, a point), ``currency``, ``credit``,
``account``, ``bank_ref`` (given by the bank once per account), ``entry_ref``, ``label``, ``party``
and ``state``: empty, ``reversal``, ``pending`` or ``unreadable``.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

MAX_BYTES = 10 * 1024 * 1024
MAX_LINES = 2_000
LONGEST = {"label": 1_000, "party": 140, "account": 40, "bank_ref": 60, "entry_ref": 60}
NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.(\d{3})\.\d{3}\.(\d{2})")
AMOUNT = re.compile(r"\d{1,15}(?:\.\d{1,5})?")
# What banks write where they have nothing to say.
NO_REFERENCE = frozenset({"NOTPROVIDED", "NONREF", "NOREF", "NONE", "UNKNOWN", "0"})
LABELS = (
    "RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/RfrdDocInf/Nb",
    "RmtInf/Strd/AddtlRmtInf", "Refs/EndToEndId", "AddtlTxInf",
)  # fmt: skip
PARTIES = ("RltdPties/Dbtr/Nm", "RltdPties/Dbtr/Pty/Nm", "RltdPties/UltmtDbtr/Nm")


class Unreadable(Exception):
    """The document cannot be used; ``code`` is stable."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def parse(data: bytes) -> Any:
    """Return the root of ``data``. Document types and entities are refused, nothing is fetched."""
    if len(data) > MAX_BYTES:
        raise Unreadable("too_big")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise Unreadable("dtd") from error
        raise Unreadable("not_xml") from error
    tree: Any = root.getroottree()
    if tree.docinfo.doctype:
        raise Unreadable("dtd")
    return root


def document(root: Any) -> tuple[Any, str]:
    """Return the ``Document`` (a bank may wrap it in an envelope) and its namespace."""
    for node in root.iter("{*}Document"):
        name = etree.QName(node).namespace or ""
        known = NAMESPACE.fullmatch(name)
        if known is None:
            continue
        if known[1] != "053":
            raise Unreadable("other_message", f"camt.{known[1]}")
        if not 2 <= int(known[2]) <= 8:
            raise Unreadable("other_version", known[2])
        return node, name
    raise Unreadable("not_camt")


class _Reader:
    """Reads elements of one namespace."""

    def __init__(self, namespace: str) -> None:
        self._prefix = f"{{{namespace}}}"

    def all(self, node: Any, path: str) -> list[Any]:
        """Return the elements under a path of plain names."""
        found: list[Any] = node.findall("/".join(self._prefix + part for part in path.split("/")))
        return found

    def text(self, node: Any, *paths: str) -> str:
        """Return the text of the first path that has one."""
        for path in paths:
            for found in self.all(node, path):
                if text := tidy(found.text):
                    return text
        return ""

    def reference(self, node: Any, *paths: str) -> str:
        """Return a reference, empty when it only says that there is none."""
        text = self.text(node, *paths)
        return "" if text.upper() in NO_REFERENCE else text

    def lines(self, document: Any) -> list[dict[str, Any]]:
        """Return the lines of every statement, a collective entry as one line for each part."""
        found: list[dict[str, Any]] = []
        for statement in self.all(document, "BkToCstmrStmt/Stmt"):
            account = self.text(statement, "Acct/Id/IBAN", "Acct/Id/Othr/Id")
            for entry in self.all(statement, "Ntry"):
                for line in self.entry(entry):
                    if len(found) == MAX_LINES:
                        raise Unreadable("too_many_lines")
                    line |= {"line": len(found) + 1, "account": account}
                    found.append({key: cut(value, LONGEST.get(key)) for key, value in line.items()})
        if not found:
            raise Unreadable("no_lines")
        return found

    def entry(self, entry: Any) -> list[dict[str, Any]]:
        """Return an entry as one line, or as its parts when they add up to it."""
        amount, currency = self.amount(entry, "Amt")
        day = day_of(self.text(entry, "BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"))
        side = self.text(entry, "CdtDbtInd")
        whole: dict[str, Any] = {
            "date": day,
            "amount": amount,
            "currency": currency,
            "credit": side == "CRDT",
            "bank_ref": self.reference(entry, "AcctSvcrRef"),
            "entry_ref": self.reference(entry, "NtryRef"),
            "state": self.state(entry, bool(amount and day) and side in ("CRDT", "DBIT")),
        }
        parts = self.all(entry, "NtryDtls/TxDtls")
        split = self.amounts(parts, amount, currency, side)
        if split is None:
            labels = [self.label(part) for part in parts] + [self.text(entry, "AddtlNtryInf")]
            own = [self.reference(part, "Refs/AcctSvcrRef") for part in parts]
            whole["bank_ref"] = whole["bank_ref"] or (own[0] if len(own) == 1 else "")
            whole["label"] = joined(labels)
            whole["party"] = joined(self.text(part, *PARTIES) for part in parts)
            return [whole]
        refs = [self.reference(part, "Refs/AcctSvcrRef") for part in parts]
        is_own = all(refs) and len(set(refs)) == len(refs)
        lines = []
        for number, (part, text) in enumerate(zip(parts, split, strict=True), 1):
            ref, entry_ref = whole["bank_ref"], whole["entry_ref"]
            lines.append(
                whole
                | {
                    "amount": text,
                    "bank_ref": refs[number - 1] if is_own else ref and f"{ref}/{number}",
                    "entry_ref": entry_ref and f"{entry_ref}/{number}",
                    "label": self.label(part),
                    "party": self.text(part, *PARTIES),
                }
            )
        return lines

    def amounts(self, parts: list[Any], total: str, currency: str, side: str) -> list[str] | None:
        """Return the amounts of a collective entry, or None when it is to be read as one."""
        if len(parts) < 2 or not total:
            return None
        found = []
        for part in parts:
            amount, unit = self.amount(part, "Amt")
            if not amount:
                amount, unit = self.amount(part, "AmtDtls/TxAmt/Amt")
            if not amount or unit != currency or self.text(part, "CdtDbtInd") not in ("", side):
                return None
            found.append(amount)
        return found if sum(map(Decimal, found)) == Decimal(total) else None

    def amount(self, node: Any, path: str) -> tuple[str, str]:
        """Return an amount above zero and its currency, empty when they are not readable."""
        for found in self.all(node, path):
            text, currency = tidy(found.text), tidy(found.get("Ccy"))
            if AMOUNT.fullmatch(text) and re.fullmatch("[A-Z]{3}", currency) and Decimal(text):
                return text, currency
        return "", ""

    def state(self, entry: Any, is_readable: bool) -> str:
        """Return why an entry is no payment, empty for money that is there."""
        if self.text(entry, "Sts/Cd", "Sts") != "BOOK":
            return "pending"
        if self.text(entry, "RvslInd") in ("true", "1"):
            return "reversal"
        return "" if is_readable else "unreadable"

    def label(self, part: Any) -> str:
        """Return everything that may name an invoice."""
        texts = [tidy(node.text) for path in LABELS for node in self.all(part, path)]
        return joined(text for text in texts if text.upper() not in NO_REFERENCE)


def tidy(text: str | None) -> str:
    """Return a text on one line."""
    return " ".join((text or "").split())


def joined(texts: Any) -> str:
    """Return texts one after the other, each once."""
    return " ".join(dict.fromkeys(text for text in texts if text))


def cut(value: Any, most: int | None) -> Any:
    """Return a text of at most ``most`` characters."""
    return value[:most] if most is not None and isinstance(value, str) else value


def day_of(text: str) -> str:
    """Return the day of a date or of an instant as ISO 8601, empty when there is none."""
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return ""


def read(data: bytes) -> dict[str, Any]:
    """Return the answer described at the top of the module. Raises ``Unreadable``."""
    node, namespace = document(parse(data))
    return {"lines": _Reader(namespace).lines(node)}


def main() -> None:
    """Answer one document."""
    try:
        answer = read(sys.stdin.buffer.read())
    except Unreadable as refusal:
        answer = {"problem": refusal.code, "detail": refusal.detail}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
