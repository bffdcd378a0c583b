"""Opinions: one per space that holds the module, seen by all, answered by the publisher."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

pytestmark = pytest.mark.usefixtures("listed")
PATH = "/console/modules/quiz/rating/"


def test_without_a_licence_nobody_rates(
    tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.marketplace.models import Rating

    admin_of(tenant_a).post(PATH, {"stars": "5", "text": "Great"})
    assert Rating.objects.count() == 0


def test_one_opinion_per_space_that_can_change_and_go(
    tenant_a: TenantInfo, tenant_b: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.marketplace import services
    from tremplin.marketplace.models import Rating

    first, second = admin_of(tenant_a), admin_of(tenant_b)
    first.post("/console/modules/quiz/trial/")
    second.post("/console/modules/quiz/trial/")
    first.post(PATH, {"stars": "5", "text": "Great"})
    first.post(PATH, {"stars": "4", "text": "Good"})
    second.post(PATH, {"stars": "3", "text": "Fair"})
    assert sorted(Rating.objects.values_list("tenant_id", "stars", "text")) == sorted(
        [(tenant_a.pk, 4, "Good"), (tenant_b.pk, 3, "Fair")]
    )
    page = first.get("/console/modules/quiz/").content.decode()
    assert page.count('data-testid="rating"') == 2
    assert "3,5/5 (2 avis)" in page
    # Whose opinion it is stays with the space.
    assert "Lycée des Métiers" not in page
    services.answer(Rating.objects.get(tenant_id=tenant_b.pk), "We work on it.")
    assert "We work on it." in second.get("/console/modules/quiz/").content.decode()
    first.post(PATH, {"withdraw": "1"})
    assert list(Rating.objects.values_list("tenant_id", flat=True)) == [tenant_b.pk]


@pytest.mark.parametrize("stars", ["0", "6", "-1", "five", ""])
def test_impossible_stars_stay_in_the_form(
    tenant_a: TenantInfo, admin_of: Callable[..., Client], stars: str
) -> None:
    from tremplin.marketplace.models import Rating

    admin = admin_of(tenant_a)
    admin.post("/console/modules/quiz/trial/")
    assert admin.post(PATH, {"stars": stars}).status_code == 422
    assert Rating.objects.count() == 0


def test_an_erased_space_leaves_no_opinion(
    tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tenants.context import public_write
    from tremplin.marketplace import provisioning
    from tremplin.marketplace.models import Rating

    admin = admin_of(tenant_a)
    admin.post("/console/modules/quiz/trial/")
    admin.post(PATH, {"stars": "5"})
    with public_write("test"):
        provisioning.forget_tenant(tenant_a)
    assert Rating.objects.count() == 0
