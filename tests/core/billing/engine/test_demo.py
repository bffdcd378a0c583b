"""What the demo world has sold: three subscriptions, one of them late, exact figures."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from django.db import transaction

from tenants.registry import TenantInfo
from tremplin.billing import demo, reconciliation, selectors
from tremplin.billing.invoicing import numbering
from tremplin.billing.models import Invoice
from tremplin.testing import freeze

NOW = datetime.fromisoformat("2026-11-20T09:00:00+01:00")


@pytest.mark.django_db
def test_the_demo_s_sales(
    hq: TenantInfo, space: Any, tenant_a: TenantInfo, tenant_b: TenantInfo
) -> None:
    reseller, company = space("passerelle"), space("volteo")
    plans = [
        {"key": "ecole", "eur_month": 390, "seats": 100},
        {"key": "entreprise", "eur_month": 890, "seats": 250},
    ]
    world = {
        "platform": {"plans": plans},
        "reseller": {"key": reseller.slug, "margin_percent": 25},
        "tenants": [
            {"key": tenant_a.slug, "plan": "ecole"},
            {"key": company.slug, "plan": "entreprise"},
        ],
    }
    with freeze(NOW):
        demo.seed(tenant_a, world, tenant_a.slug)
        assert Invoice.objects.count() == 0
        for _ in range(2):
            demo.seed(company, world, company.slug)
        rows = Invoice.objects.order_by("sequence")
        assert [(row.tenant_id, row.net_minor, row.state, row.issued_on) for row in rows] == [
            (company.pk, 89000, "paid", date(2026, 10, 5)),
            (tenant_a.pk, 39000, "paid", date(2026, 11, 2)),
            (company.pk, 89000, "open", date(2026, 11, 5)),
        ]
        assert [row.number for row in rows] == ["OLD-0001", "OLD-0002", "OLD-0003"]
        with transaction.atomic():
            assert numbering.take(None, "invoice", NOW.date()).sequence == 1
            transaction.set_rollback(True)
        states = {
            space.slug: selectors.plan_subscription(space).state for space in (tenant_a, company)
        }
        assert states == {tenant_a.slug: "active", company.slug: "past_due"}
        assert selectors.plan_subscription(tenant_b) is None
        assert reconciliation.run() == []
