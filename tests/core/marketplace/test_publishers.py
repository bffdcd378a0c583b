"""The operator's pages about publishers: their statement for a spreadsheet, their share in the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.core.operations.operator import operator

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

pytestmark = pytest.mark.usefixtures("listed")
PUBLISHER = "/platform/publishers/atelier/"


@pytest.fixture
def ada(hq: TenantInfo, inside: Any, client_for: Callable[..., Client]) -> Client:
    """Somebody of the platform, and a publisher to look after."""
    from tenants.context import public_write
    from tremplin.marketplace.models import Publisher

    with public_write("test"):
        Publisher.objects.create(slug="atelier", name="Atelier", share_percent=Decimal(70))
    return operator(hq, "platform_admin", inside, client_for)


@pytest.mark.parametrize("month", ["9999-12", "0001-01", "1999-12", "3000-01", "2026-13", "now"])
def test_a_month_that_is_none_is_not_found(ada: Client, month: str) -> None:
    assert ada.get(f"{PUBLISHER}?month={month}").status_code == 404
    assert ada.get(f"{PUBLISHER}statement/?month={month}").status_code == 404


def test_a_month_without_sales_is_an_empty_sheet(ada: Client) -> None:
    answer = ada.get(f"{PUBLISHER}statement/?month=2026-12")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer.content.decode().splitlines() == [
        "date,invoice,module,description,net,share,currency,kind"
    ]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=HYPERLINK(0)", "'=HYPERLINK(0)"), ("＝1", "'＝1"), ("\n=1", '"\'\n=1"'), ("", ""),
        ("Quiz", "Quiz"),
    ],
)  # fmt: skip
def test_no_description_runs_as_a_formula(text: str, cell: str) -> None:
    from tremplin.marketplace import statements
    from tremplin.marketplace.models import Publisher
    from tremplin.marketplace.statements import Statement, StatementLine

    day = date(2026, 11, 3)
    line = StatementLine(day, "F-1", "quiz", text, 1900, 1330, "EUR", "sale")
    sheet = statements.as_csv(Statement(Publisher(slug="atelier"), day, (line,)))
    assert sheet.split("\r\n", 1)[1] == f"2026-11-03,F-1,quiz,{cell},19.00,13.30,EUR,sale\r\n"


def test_a_change_of_share_is_in_the_log(ada: Client, hq: TenantInfo, inside: Any) -> None:
    from tremplin.kernel.models import AuditEvent
    from tremplin.marketplace.models import Publisher

    form = {
        "name": "Atelier", "website": "", "support_email": "", "security_email": "",
        "share_percent": "60",
    }  # fmt: skip
    assert ada.post(PUBLISHER, form).status_code == 302
    assert ada.post(PUBLISHER, form).status_code == 302
    assert ada.post(PUBLISHER, {**form, "share_percent": "101"}).status_code == 422
    assert Publisher.objects.get(pk="atelier").share_percent == Decimal(60)
    with inside(hq):
        event = AuditEvent.objects.get(kind="marketplace.publisher_changed")
    assert (event.target, event.data) == (
        "publisher:atelier", {"fields": ["share_percent"], "share_percent": "60"},
    )  # fmt: skip
