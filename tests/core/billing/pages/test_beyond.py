"""The customer sets how much may be billed beyond the plan, and sees what was used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

pytestmark = pytest.mark.django_db
USAGE = "/console/billing/usage/"
SAVE = "/console/billing/usage/beyond/"
TOKENS = "ai.tokens"


@pytest.fixture
def billed(hq: TenantInfo, tenant_a: TenantInfo, monkeypatch: pytest.MonkeyPatch) -> TenantInfo:
    """A school whose plan has 100 units, then 7 cents each, 500 EUR at most."""
    from tenants.context import public_write
    from tests.core.billing.engine.conftest import card, identify, make_price
    from tremplin.billing import guards
    from tremplin.licensing import snapshots
    from tremplin.licensing.models import PlanEntitlement

    monkeypatch.setattr(guards, "_guards", [])
    snapshots.forget()
    identify(tenant_a)
    price = make_price("school", 39000)
    with public_write("test"):
        PlanEntitlement.objects.create(
            version=price.plan_version, feature=TOKENS, value=100, reset="month",
            overage="bill", overage_unit_minor=7, overage_cap_minor=50_000,
        )  # fmt: skip
    card(tenant_a, price)
    return tenant_a


def test_nothing_is_billed_until_an_amount_is_set(
    billed: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.licensing import consumption

    admin = admin_of(billed)
    page = admin.get(USAGE).content.decode()
    assert f'data-testid="beyond-{TOKENS}"' in page
    consumption.consume(billed, TOKENS, 100, idem=uuid4())
    with pytest.raises(consumption.QuotaExceeded):
        consumption.consume(billed, TOKENS, 1, idem=uuid4())
    answer = admin.post(SAVE, {"feature": TOKENS, "cap": "50.00"})
    assert (answer.status_code, answer["Location"]) == (302, USAGE)
    consumption.consume(billed, TOKENS, 12, idem=uuid4())
    page = admin.get(USAGE).content.decode()
    assert 'data-testid="beyond-units">12<' in page
    assert 'data-testid="beyond-amount">0,84\u202fEUR<' in page
    assert 'value="50' in page
    # 0 stops it at once; what was used stays on the next invoice.
    admin.post(SAVE, {"feature": TOKENS, "cap": "0"})
    with pytest.raises(consumption.QuotaExceeded):
        consumption.consume(billed, TOKENS, 1, idem=uuid4())
    assert 'data-testid="beyond-amount">0,84\u202fEUR<' in admin.get(USAGE).content.decode()


@pytest.mark.parametrize("cap", ["-1", "abc", "", "0.005", "500.01", "99999999999999"])
def test_an_impossible_amount_stays_in_the_form(
    billed: TenantInfo, admin_of: Callable[..., Client], cap: str
) -> None:
    from tremplin.licensing.models import OverageCap

    answer = admin_of(billed).post(SAVE, {"feature": TOKENS, "cap": cap})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert OverageCap.objects.count() == 0


def test_a_feature_that_is_not_billed_is_refused(
    billed: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.licensing.models import OverageCap

    answer = admin_of(billed).post(SAVE, {"feature": "interview.sessions", "cap": "5"})
    assert (answer.status_code, answer["Location"]) == (302, USAGE)
    assert OverageCap.objects.count() == 0


def test_a_manager_reads_it_only(billed: TenantInfo, admin_of: Callable[..., Client]) -> None:
    manager = admin_of(billed, "manager")
    page = manager.get(USAGE).content.decode()
    assert f'data-testid="beyond-{TOKENS}"' in page
    assert "beyond-save" not in page
    assert manager.post(SAVE, {"feature": TOKENS, "cap": "5"}).status_code == 403
    assert manager.get(SAVE).status_code == 405


def test_another_space_sees_nothing_of_it(
    billed: TenantInfo, tenant_b: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.licensing.models import OverageCap

    other = admin_of(tenant_b)
    assert "beyond-" not in other.get(USAGE).content.decode()
    assert other.post(SAVE, {"feature": TOKENS, "cap": "5"}).status_code == 302
    assert OverageCap.objects.count() == 0
