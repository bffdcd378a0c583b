"""Versions of a brand: drafts, publication, rollback, and what other spaces see of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pytest

from tenants import registry
from tenants.branding import services as branding
from tenants.branding.logo import LogoFiles

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

Inside = Callable[["TenantInfo"], AbstractContextManager[None]]
GREEN = branding.Inputs(primary="#166534", accent="#1d4ed8", short_name="Vert")
INDIGO = branding.Inputs(primary="#4f46e5", accent="#0f766e", radius=4, sidebar="dark")


def test_publish_then_restore(tenant_a: TenantInfo, inside: Inside) -> None:
    with inside(tenant_a):
        first = branding.publish(tenant_a, GREEN, author=None, logo=LogoFiles("branding/a", "", ""))
        second = branding.publish(tenant_a, INDIGO, author=None)
        assert [(v.number, v.state) for v in branding.versions(tenant_a)] == [
            (2, "published"),
            (1, "archived"),
        ]
        assert second.logo_file == "branding/a"
        third = branding.restore(tenant_a, 1, author=None)
        assert third is not None
        assert (third.number, third.css_hash) == (3, first.css_hash)
        assert branding.restore(tenant_a, 99, author=None) is None
    fresh = registry.by_pk(tenant_a.pk)
    assert fresh is not None
    assert (fresh.brand.version, fresh.brand.short_name, fresh.brand.primary) == (
        3,
        "Vert",
        "#166534",
    )


def test_a_draft_changes_nothing_for_visitors(
    tenant_a: TenantInfo, inside: Inside, client_for: Callable[..., Client]
) -> None:
    with inside(tenant_a):
        draft = branding.save_draft(tenant_a, GREEN, author=None)
    visitor = client_for(tenant_a)
    assert visitor.get(f"/theme/{draft.css_hash}.css").status_code == 404
    assert visitor.get(f"/theme/preview/{draft.pk}.css").status_code == 302
    fresh = registry.by_pk(tenant_a.pk)
    assert fresh is not None
    assert fresh.brand.version == 0


def test_an_unreadable_colour_is_refused_with_a_proposal(
    tenant_a: TenantInfo, inside: Inside
) -> None:
    with inside(tenant_a), pytest.raises(branding.ContrastRefused) as refused:
        branding.publish(tenant_a, branding.Inputs(primary="#ffd54f"), author=None)
    assert refused.value.proposal.proposed == "#937100"
    assert branding.versions(tenant_a) == []


def test_the_stylesheet_belongs_to_its_space(
    tenant_a: TenantInfo,
    tenant_b: TenantInfo,
    inside: Inside,
    client_for: Callable[..., Client],
) -> None:
    with inside(tenant_a):
        version = branding.publish(tenant_a, GREEN, author=None)
    path = f"/theme/{version.css_hash}.css"
    mine = client_for(tenant_a).get(path)
    assert mine.status_code == 200
    assert mine["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "--primary:#166534" in mine.content.decode()
    other = client_for(tenant_b).get(path)
    assert (other.status_code, other["Cache-Control"]) == (404, "no-store")
    unknown = client_for(tenant_a).get("/theme/0123456789ab.css")
    assert (unknown.status_code, unknown["Cache-Control"]) == (404, "no-store")
