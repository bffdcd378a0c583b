"""Which entry of the sidebar a page stands under."""

from __future__ import annotations

import pytest

from tremplin.portal import shell

ENTRIES = (
    "/app/", "/console/", "/console/billing/", "/reseller/", "/platform/", "/platform/plans/",
    "/platform/listings/",
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/app/", "/app/"),
        ("/app/profile/", ""),
        ("/console/", "/console/"),
        ("/console/people/", ""),
        ("/console/billing/invoices/", "/console/billing/"),
        ("/reseller/health/", "/reseller/"),
        ("/platform/", "/platform/"),
        ("/platform/stripe/", "/platform/"),
        ("/platform/plans/new/", "/platform/plans/"),
        ("/platform/coupons/", "/platform/plans/"),
        ("/platform/versions/9d7908dd/", "/platform/plans/"),
        ("/platform/publishers/tremplin/", "/platform/listings/"),
    ],
)
def test_the_nearest_entry_above_a_page_is_marked(path: str, entry: str) -> None:
    items = [shell.Item(url, url, "house") for url in ENTRIES]
    (group,) = shell._mark_current([shell.Group("", items)], path)
    assert [item.url for item in group.items if item.current] == ([entry] if entry else [])
