"""Statements as bytes: every version, every form of CSV, hostile files; no database."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.operations.payments.statements import ACCOUNT, Movement, camt, collective
from tremplin.api import Problem
from tremplin.operations.payments.statements import numbers, reading
from tremplin.operations.payments.statements.csv_worker import Unreadable
from tremplin.operations.payments.statements.csv_worker import read as read_csv


def facts(data: bytes) -> list[tuple[Any, ...]]:
    """Return day, amount, currency, side and state of each line."""
    return [
        (one.day, one.amount, one.currency, one.is_credit, one.state) for one in reading.read(data)
    ]


def code_of(data: bytes) -> str:
    """Return the code of the refusal."""
    with pytest.raises(Problem) as caught:
        reading.read(data)
    assert caught.value.status == 422
    return caught.value.code


@pytest.mark.parametrize("version", ["02", "03", "04", "05", "06", "07", "08"])
def test_every_version_of_camt(version: str) -> None:
    (entry,) = reading.read(camt(Movement("VIR INV-0001", ref="B1"), version=version))
    assert entry == reading.Entry(
        number=1,
        key=entry.key,
        day="2026-11-19",
        amount="468.00",
        currency="EUR",
        is_credit=True,
        account=ACCOUNT,
        reference="B1",
        label="VIR INV-0001",
        party="Campus Nova SAS",
        state="",
    )


def test_debits_reversals_and_what_is_not_booked() -> None:
    found = facts(
        camt(
            Movement("a", side="DBIT"),
            Movement("b", reversal=True),
            Movement("c", status="PDNG"),
            Movement("d", amount="0.00"),
            Movement("e", day="2026-02-30"),
        )
    )
    assert [(credit, state) for _, _, _, credit, state in found] == [
        (False, ""), (True, "reversal"), (True, "pending"), (True, "unreadable"),
        (True, "unreadable"),
    ]  # fmt: skip


def test_a_collective_entry_is_split_only_when_it_adds_up() -> None:
    parts = (("468.00", "INV-0001"), ("228.00", "INV-0002"))
    split = reading.read(camt(body=collective(*parts, total="696.00")))
    assert [(one.amount, one.label, one.reference) for one in split] == [
        ("468.00", "INV-0001", "LOT9/1"), ("228.00", "INV-0002", "LOT9/2"),
    ]  # fmt: skip
    whole = reading.read(camt(body=collective(*parts, total="695.00")))
    assert [(one.amount, one.label, one.reference) for one in whole] == [
        ("695.00", "INV-0001 INV-0002", "LOT9")
    ]


def test_the_bank_s_reference_or_everything_else_identifies_a_movement() -> None:
    def keys(*movements: Movement) -> list[str]:
        return [one.key for one in reading.read(camt(*movements))]

    (first,) = keys(Movement("INV-1", ref="B1"))
    assert keys(Movement("other words", ref="B1")) == [first]
    assert keys(Movement("INV-1", ref="B2")) != [first]
    # Without a reference: two identical transfers of a day are two, in every reading.
    twice = keys(Movement("INV-1"), Movement("INV-1"))
    assert len(set(twice)) == 2
    assert keys(Movement("x"), Movement("INV-1"), Movement("INV-1"))[1:] == twice
    assert keys(Movement("INV-1", amount="468.0")) == twice[:1]
    assert keys(Movement("INV-1", day="2026-11-18")) != twice[:1]


LAUGHS = "".join(
    f'<!ENTITY l{n} "{"".join(f"&l{n - 1};" for _ in range(10))}">' for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (
            f'<!DOCTYPE d [<!ENTITY l0 "lol">{LAUGHS}]><d>&l9;</d>'.encode(),
            "dtd",
        ),
        (
            camt(Movement("x")).replace(
                b"<Document", b'<!DOCTYPE Document SYSTEM "http://127.0.0.1:1/x.dtd"><Document'
            ),
            "dtd",
        ),
        (
            camt(Movement("&e;")).replace(
                b"<Document",
                b'<!DOCTYPE Document [<!ENTITY e SYSTEM "file:///etc/passwd">]><Document',
            ),
            "dtd",
        ),
        ('<!DOCTYPE d [<!ENTITY e "x">]><d>&e;</d>'.encode("utf-16"), "dtd"),
        (camt(Movement("x"))[:-40], "not_xml"),
        (b"<" + b"a" * 60 * 1024 * 1024, "too_big"),
        (b"<a>" * 100_000, "not_xml"),
        (camt(), "no_lines"),
        (b"<html/>", "not_camt"),
        (camt(Movement("x")).replace(b"camt.053", b"camt.054"), "other_message"),
        (camt(Movement("x"), version="12"), "other_version"),
        (camt(*[Movement("x")] * 2_001), "too_many_lines"),
        (b"PK\x03\x04" + b"x" * 100, "spreadsheet"),
        (b"%PDF-1.7", "not_text"),
        (b"Date;Amount;Currency\n" + b"\x00", "not_text"),
        (b"name,colour\nx,red\n", "no_columns"),
        (b"Date;Amount;Amount;Currency\n2026-11-19;1;1;EUR\n", "column_twice"),
        (b"Date;Amount;Label\n2026-11-19;1,00;VIREMENT SEPA\n", "no_currency"),
        (b"Date;Amount;Currency\n", "no_lines"),
        (b"Date;Amount;Currency\n" + b"2026-11-19;1;EUR\n" * 2_001, "too_many_lines"),
        (b'Date;Amount;Currency;Label\n2026-11-19;1;EUR;"' + b"x" * 200_000, "not_csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_and_broken_files(data: bytes, code: str) -> None:
    assert code_of(data) == f"statement_{code}"


def test_entities_of_the_file_system_never_come_back() -> None:
    data = camt(Movement("&e;")).replace(
        b"<Document", b'<!DOCTYPE Document [<!ENTITY e SYSTEM "file:///etc/passwd">]><Document'
    )
    with pytest.raises(Problem) as caught:
        reading.read(data)
    assert "root:" not in caught.value.detail


CSV = "Date{s}Amount{s}Currency{s}Label{s}Counterparty\n19/11/2026{s}{a}{s}EUR{s}INV-0001{s}Nova\n"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_separators_and_encodings(separator: str, encoding: str) -> None:
    data = CSV.format(s=separator, a="468.00").replace("Nova", "Écoles").encode(encoding)
    (entry,) = reading.read(data)
    assert (entry.day, entry.amount, entry.currency, entry.label, entry.party) == (
        "2026-11-19", "468.00", "EUR", "INV-0001", "Écoles",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "amount", "is_credit"),
    [
        ("468", "468", True),
        ("468,00", "468.00", True),
        ("468.5", "468.5", True),
        ("1 234,50", "1234.50", True),
        ("1\u202f234,50 €", "1234.50", True),
        ("1,234.50", "1234.50", True),
        ("1.234,50", "1234.50", True),
        ("1,234", "1234", True),
        ("1.234.567", "1234567", True),
        ("1'234.50", "1234.50", True),
        ("+12,00", "12.00", True),
        ("-12,00", "12.00", False),
        ("\u221212,00", "12.00", False),
        ("(12.00)", "12.00", False),
        ("12,00-", "12.00", False),
        ("0,00", "", True),
        ("12,34,56", "", True),
        ("1.23.456", "", True),
        ("12..0", "", True),
        ("1e5", "", True),
        ("=1+1", "", True),
        ("", "", True),
    ],
)
def test_amounts(written: str, amount: str, is_credit: bool) -> None:
    (line,) = read_csv(CSV.format(s=";", a=written).encode())["lines"]
    assert (line["amount"], line["credit"]) == (amount, is_credit)
    assert line["state"] == ("" if amount else "unreadable")


def test_an_unclear_number_follows_the_other_lines() -> None:
    def amounts(currency: str, *written: str) -> list[str]:
        rows = "".join(f"2026-11-19;{one};{currency};x\n" for one in written)
        text = f"Date;Amount;Currency;Label\n{rows}"
        return [line["amount"] for line in read_csv(text.encode())["lines"]]

    assert amounts("TND", "1,234") == [""]
    assert amounts("TND", "1,234", "2,5") == ["1.234", "2.5"]
    assert amounts("TND", "1,234", "2.5") == ["1234", "2.5"]
    assert amounts("XOF", "300 000", "300.000") == ["300000", "300000"]


def test_days() -> None:
    def days(*written: str) -> list[str]:
        rows = "".join(f"{one};1,00;EUR;x\n" for one in written)
        text = f"Date;Amount;Currency;Label\n{rows}"
        return [line["date"] for line in read_csv(text.encode())["lines"]]

    assert days("2026-11-19", "19.11.2026", "3/4/26", "19-11-2026 08:30") == [
        "2026-11-19", "2026-11-19", "2026-04-03", "2026-11-19",
    ]  # fmt: skip
    assert days("11/19/2026", "03/04/2026") == ["2026-11-19", "2026-03-04"]
    assert days("19/11/2026", "11/19/2026") == ["2026-11-19", ""]
    assert days("30/02/2026", "yesterday") == ["", ""]


def test_a_french_bank_s_own_form() -> None:
    text = (
        "Compte courant;FR76 3000\nSolde au 20/11/2026;1 000,00\n\n"
        "Date;Date de valeur;Libellé;Débit euros;Crédit euros;\n"
        "19/11/2026;19/11/2026;VIR NOVA F-2026-000001;;468,00;\n"
        "18/11/2026;18/11/2026;PRLV EDF;-99,00;;\n"
    )
    lines = read_csv(text.encode("cp1252"))["lines"]
    assert [(one["amount"], one["currency"], one["credit"]) for one in lines] == [
        ("468.00", "EUR", True), ("99.00", "EUR", False),
    ]  # fmt: skip


def test_a_cell_too_many_is_not_guessed() -> None:
    text = "Date,Amount,Currency,Label\n2026-11-19,468,00,EUR,INV-0001\n"
    assert [one["state"] for one in read_csv(text.encode())["lines"]] == ["unreadable"]


def test_the_worker_refuses_too_big_itself() -> None:
    with pytest.raises(Unreadable) as caught:
        read_csv(b"x" * (10 * 1024 * 1024 + 1))
    assert caught.value.code == "too_big"


SHAPE = numbers.shape_of(["F-{year}-{n:06d}", "INV-{n:04d}", "{year}-{n:06d}", "F-{n}"])
KNOWN = {"F2026000001", "F2026000002", "INV0001", "2026000001", "F12", "F123", "INV00011"}


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("VIR F-2026-000001 NOVA", ["F2026000001"]),
        ("vir f2026000001", ["F2026000001"]),
        ("F 2026 000001", ["F2026000001", "2026000001"]),
        ("/RFB/F-2026-0000 02 CAMPUS", ["F2026000002"]),
        ("F-2026-000001 et F-2026-000002", ["F2026000001", "F2026000002"]),
        ("F-2026-000001, F-2026-000001", ["F2026000001"]),
        ("F-2026-0000012", []),
        ("REF2026000001", []),
        ("INV-0001", ["INV0001"]),
        ("INV-0001 1", ["INV0001", "INV00011"]),
        ("F-12 3", ["F12", "F123"]),
        ("INV-9999", []),
        ("", []),
    ],
)
def test_numbers_in_labels(label: str, found: list[str]) -> None:
    assert numbers.known(numbers.mentions(label, SHAPE), KNOWN) == found


def test_order_references_in_labels() -> None:
    key = "0f8fad5b-d9cb-469f-a165-70867728950e"
    bare = key.replace("-", "")
    assert numbers.orders(f"CDE {key.upper()} {bare}") == [bare]
    assert numbers.orders(f"{bare}0") == []
