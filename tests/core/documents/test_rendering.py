"""Documents: deterministic, tagged, never interpolated, printable in every script."""

from __future__ import annotations

import json
import unicodedata

import pytest

from tremplin.documents import DocumentRefused, lettering, pdf, png

DATA = {
    "title": "Facture F-1",
    "heading": "Facture",
    "number": "F-1",
    "color": "#1e40af",
    "on_color": "#ffffff",
    "logo": None,
    "seller_name": "Tremplin SAS",
    "seller": ["Lyon"],
    "buyer_name": "École",
    "buyer": ["Lyon"],
    "facts": [["Date", "1"]],
    "labels": {
        name: name
        for name in ("seller", "buyer", "lines", "taxes", "totals", "payment", "notes", "page")
    },
    "columns": ["a", "b", "c", "d", "e"],
    "lines": [
        {"description": "x", "period": "", "quantity": "1", "unit": "1", "rate": "1", "net": "1"}
    ],
    "tax_columns": ["a", "b", "c"],
    "taxes": [{"label": "20 %", "base": "1", "amount": "1"}],
    "reasons": [],
    "totals": [["Total", "1"]],
    "grand": ["Total", "1"],
    "payment": [],
    "notes": ["n"],
    "footer": "f",
}


def test_the_same_data_and_date_give_the_same_bytes():
    from datetime import date

    first = pdf("invoice", DATA, dated=date(2026, 11, 21))
    assert pdf("invoice", DATA, dated=date(2026, 11, 21)) == first
    assert pdf("invoice", DATA, dated=date(2026, 11, 22)) != first


@pytest.mark.parametrize("name", ["", "nothing", "../invoice", "invoice.typ", "/etc/passwd"])
def test_an_unknown_template_is_refused(name):
    with pytest.raises(DocumentRefused):
        pdf(name, DATA)


@pytest.mark.parametrize("name", ["../x.png", "a/b.png", "main typ"])
def test_a_picture_with_a_path_is_refused(name):
    with pytest.raises(DocumentRefused, match="is not the name of a picture"):
        pdf("invoice", DATA, files={name: b""})


def test_a_preview_has_one_picture_per_page():
    pages = png("invoice", {**DATA, "lines": DATA["lines"] * 60})
    assert [page[:8] for page in pages] == [b"\x89PNG\r\n\x1a\n"] * 3


def test_every_character_said_to_be_drawn_is_drawn():
    # PDF/A refuses a missing glyph: one wrong code point in the list would end in DocumentRefused.
    numbers = json.loads((lettering.FONTS / "coverage.json").read_text())
    drawn = [
        chr(code)
        for first, last in zip(numbers[::2], numbers[1::2], strict=True)
        for code in range(first, last + 1)
    ]
    assert len(drawn) == 5_846
    starters = [c for c in drawn if not unicodedata.category(c).startswith("M")]
    text = lettering.printable(" ".join(starters))
    chunks = [text[start : start + 2_000] for start in range(0, len(text), 2_000)]
    assert pdf("invoice", {**DATA, "notes": chunks})[:5] == b"%PDF-"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("École", "École"),
        ("e\u0301", "é"),
        ("a\nb\tc\u2028d", "a b c d"),
        ("a\x00\x1b\u202eb\u200b", "ab"),
        ("שלום", "שלום"),
        ("学校 A", "□ A"),
        ("👩🏽‍💻🇫🇷!", "□!"),
        ("\ue000\ud7ff", "□"),
        ("W" * 25 + " " + "x" * 24, "W" * 12 + "\u200b" + "W" * 12 + "\u200bW " + "x" * 24),
    ],
)
def test_text_is_made_printable(text, printed):
    assert lettering.printable(text) == printed


def test_only_the_committed_fonts_are_used():
    from tremplin.documents.rendering import _fonts

    families = sorted({font.family for font in _fonts().fonts()})
    assert families == ["DejaVu Sans", "Inter", "Inter Extended"]
