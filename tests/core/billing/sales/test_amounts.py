"""Prices and refunds that no shop asks: refused in words, quickly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tremplin.billing.sales import catalogue
from tremplin.billing.sales.forms import AmountField


@pytest.mark.parametrize("typed", ["1e999999", "1e999998", "9" * 400, "1e13", "100000.01"])
def test_an_amount_beyond_every_price_is_refused(typed: str) -> None:
    from django.core.exceptions import ValidationError

    field = AmountField(currency="EUR", highest_minor=catalogue.HIGHEST_MINOR)
    with pytest.raises(ValidationError) as refused:
        field.clean(typed)
    assert [error.code for error in refused.value.error_list] == ["too_high"]


@pytest.mark.parametrize(("typed", "minor"), [("100000", 10_000_000), ("0.01", 1)])
def test_the_highest_and_the_lowest_price_are_kept(typed: str, minor: int) -> None:
    field = AmountField(currency="EUR", highest_minor=catalogue.HIGHEST_MINOR)
    assert field.clean(typed) == minor


def test_a_change_of_who_is_billed_is_in_the_log(
    db: None, tenant_a: Any, inside: Callable[..., Any]
) -> None:
    from tremplin.billing import services
    from tremplin.kernel.models import AuditEvent

    services.account_of(tenant_a)
    services.update_account(tenant_a, legal_name="Atlas SAS", city="Lyon")
    services.update_account(tenant_a, legal_name="Atlas SAS", city="Lyon")
    with inside(tenant_a):
        events = AuditEvent.objects.filter(kind="billing.details_changed")
        assert [row.data for row in events] == [{"fields": ["city", "legal_name"]}]
