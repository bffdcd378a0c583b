"""Hostile files at every form that takes one: refused in words, and nothing is kept."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from functools import cache
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tenants.context import use
from tenants.storage import folder_of
from tests.isolation import traces
from tests.isolation import world as worlds
from tests.isolation.asking import ask
from tests.isolation.routes import routes
from tests.isolation.world import World

pytestmark = pytest.mark.django_db

MEBIBYTE = 1024 * 1024
BRAND = {
    "primary": "#1e3a8a", "accent": "#0f766e", "font_heading": "inter", "font_body": "inter",
    "pack": "vega", "sidebar": "light", "radius": "8", "theme": "base",
}  # fmt: skip
QUESTION = {
    "stem": "Which?", "difficulty": "3", "points": "1", "rows-TOTAL_FORMS": "2",
    "rows-INITIAL_FORMS": "0", "rows-0-text": "yes", "rows-0-right": "on", "rows-1-text": "no",
}  # fmt: skip


@cache
def executable() -> bytes:
    """A Windows program that calls itself a document."""
    return b"MZ\x90\x00\x03" + bytes(range(256)) * 40


@cache
def bomb() -> bytes:
    """An archive of 400 KB that unpacks to 400 MB, with the names the readers look for."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (
            "imsmanifest.xml",
            "[Content_Types].xml",
            "xl/workbook.xml",
            "word/document.xml",
        ):
            with archive.open(name, "w") as member:
                for _block in range(100):
                    member.write(b" " * MEBIBYTE)
    return target.getvalue()


@cache
def huge() -> bytes:
    """60 MB that begin like a PDF."""
    return b"%PDF-1.7\n" + b"0" * (60 * MEBIBYTE)


FILES = {
    "program": ("cv.pdf.exe", "application/pdf", executable),
    "huge": ("cv.pdf", "application/pdf", huge),
    "bomb": ("cv.docx", "application/zip", bomb),
}


@dataclass(frozen=True)
class Form:
    """A form with a file: its page, its field, what else it needs, and what it answers."""

    name: str
    path: str
    field: str
    others: dict[str, str]
    answers: dict[str, str]

    def __str__(self) -> str:
        return self.name


SAML = {"label": "Campus", "preset": "generic"}
NOT_A_PICTURE = "This file is not a picture we can read. Send a PNG, JPEG, WebP or SVG file."
NOT_AN_IMAGE = "This file is not a PNG, JPEG, GIF or WebP image of 5 MB at most."
FORMS = (
    *(
        Form(f"logo {verb}", path, "logo", BRAND, {
            "program": NOT_A_PICTURE,
            "huge": "This file is larger than 5 MB. Send a smaller one.",
            "bomb": NOT_A_PICTURE,
        })
        for verb, path in (("draft", "/console/branding/"), ("publish", "/console/branding/publish/"))
    ),
    Form("people", "/console/people/import/", "file", {"role": "learner"}, {
        "program": "This file is not a list in text form. Save your list as CSV.",
        "huge": "The file is larger than 5 MB. Split it in several files.",
        "bomb": "This is a spreadsheet. Save it as CSV, then choose the CSV file.",
    }),
    Form("provider metadata", "/console/sso/saml/new/", "metadata_file", SAML, {
        "program": "This is not XML. Download the metadata from your provider again.",
        "huge": "The metadata is larger than 1 MB. Give that of your provider alone.",
        "bomb": "This is not XML. Download the metadata from your provider again.",
    }),
    Form("questions", "/console/quiz/import/", "file", {"format": ""}, {
        "huge": "The file is larger than 20 MB: split it.",
    }),
    Form("question image", "/console/quiz/bank/new/single/", "image", QUESTION, {
        "program": NOT_AN_IMAGE,
        "huge": NOT_AN_IMAGE,
        "bomb": NOT_AN_IMAGE,
    }),
)  # fmt: skip
# The question form keeps a preview that says why.
PREVIEW = {
    "program": "The format of this file was not recognised. Choose a GIFT, Moodle XML, Aiken, QTI 1.2, "
    "QTI 2 or QTI 3, CSV or XLSX file, or select its format yourself.",
    "bomb": "The package is refused: it unpacks to too much data or too many files. "
    "Split the package into smaller ones.",
}
# The operator's import of bank statements: its page exists in her space alone.
STATEMENT = {
    "program": "This file is not a statement: choose CAMT.053 (XML) or CSV.",
    "huge": "The file is larger than 10 MB. Ask your bank for a shorter period.",
    "bomb": "This is a spreadsheet. Save it as CSV, then choose the CSV file.",
}
# Addresses whose page shows a file field that is exercised under another address above.
SAME_FORM = {
    "quiz_console:question": "question image",
    "sso_console:saml_detail": "provider metadata",
    "portal:styleguide": "(sends nothing)",
}


def words(text: str) -> str:
    """Return what a reader sees of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def files_of(world: World) -> list[str]:
    folder = folder_of(world.tenant.uuid)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("form", "kind"), [(form, kind) for form in FORMS for kind in form.answers], ids=str
)
def test_a_hostile_file_is_refused_in_words(
    both: tuple[World, World], form: Form, kind: str
) -> None:
    own, _other = both
    schema = own.tenant.schema_name
    name, mime, content = FILES[kind]
    before = traces.fingerprint(schema), traces.shared_rows(own.tenant), files_of(own)
    data: dict[str, Any] = {**form.others, form.field: SimpleUploadedFile(name, content(), mime)}
    asked = ask(own.host, "POST", form.path, cookie=own.cookies["admin"], data=data, watched=schema)
    assert asked.status == 422
    assert form.answers[kind] in words(asked.text)
    assert (traces.fingerprint(schema), traces.shared_rows(own.tenant), files_of(own)) == before


def test_every_form_with_a_file_is_exercised(both: tuple[World, World]) -> None:
    own, _other = both
    paths = {form.path for form in FORMS}
    missing = []
    for route in routes():
        path = worlds.address(route.name, route.pattern, own)
        page = ask(own.host, "GET", path, cookie=own.cookies["admin"], watched="public")
        has_file = 'type="file"' in page.text
        if has_file and path not in paths and route.name not in SAME_FORM:
            missing.append(path)
    assert missing == []


@pytest.mark.parametrize("kind", list(STATEMENT))
def test_a_hostile_statement_of_a_bank_is_refused_in_words(
    both: tuple[World, World], hq: Any, kind: str
) -> None:
    from tests.isolation.test_roles import sessions

    key = sessions(hq, ("platform_admin",))["platform_admin"]
    name, mime, content = FILES[kind]
    path = "/platform/payments/statements/"
    schema = hq.schema_name
    others = tuple({*traces.tables_of(schema)} - {"operations_bank_statement"})
    data = {"file": SimpleUploadedFile(name, content(), mime)}
    asked = ask(
        hq.primary_host, "POST", path, cookie=key, data=data, watched=schema, apart_from=others
    )
    assert asked.status == 422
    assert STATEMENT[kind] in words(asked.text)
    assert asked.writes == 0
    for one in both:  # a school has no such page, not even for its administrator
        there = ask(one.host, "POST", path, cookie=one.cookies["admin"], data={}, watched="")
        assert there.status == 404


@pytest.mark.parametrize("kind", list(PREVIEW))
def test_the_preview_of_a_hostile_question_file_says_why_and_offers_nothing(
    both: tuple[World, World], client_for: Any, kind: str
) -> None:
    from plugins.quiz.models import Question

    own, _other = both
    name, mime, content = FILES[kind]
    client = client_for(own.tenant)
    client.cookies["sessionid"] = own.cookies["admin"]
    before = files_of(own)
    form = {"file": SimpleUploadedFile(name, content(), mime), "format": ""}
    answer = client.post("/console/quiz/import/", form)
    assert answer.status_code == 302
    page = client.get(answer.headers["Location"]).content.decode()
    assert 'data-testid="import-question"' not in page
    assert PREVIEW[kind] in words(page)
    client.post(answer.headers["Location"], {})
    with use(own.tenant):
        assert Question.objects.count() == 2
    assert files_of(own) == before
