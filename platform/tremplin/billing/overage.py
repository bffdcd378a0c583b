"""What was used beyond a plan, on the next invoice; and the cap that the customer sets.

Licensing counts the units with their price as they are used, never beyond the cap. Here they become
lines: of the next renewal, or of a last invoice when the subscription ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from tremplin.billing import issuing, pricing, taxes
from tremplin.billing.errors import BadAmount, NotSold
from tremplin.billing.lines import Line, percent_of
from tremplin.billing.models import Invoice, Subscription
from tremplin.licensing import notices
from tremplin.licensing import overage as counted
from tremplin.licensing.models import PlanEntitlement

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

# A cap is an agreement, not a typing error: a million in major units of two digits.
HIGHEST_CAP = 100_000_000


def set_cap(tenant: TenantInfo, feature: str, cap_minor: int) -> None:
    """Let a space use a feature beyond its plan for at most ``cap_minor`` per period, 0 not at all.

    Raises ``NotSold`` when its plan bills nothing beyond the amount of that feature, or when
    nothing is paid for in that currency, and ``BadAmount`` outside 0 to the plan's highest cap.
    """
    found = next((item for item in counted.terms(tenant) if item.feature == feature), None)
    paid = Subscription.objects.filter(tenant_id=tenant.pk, ended_at=None).exclude(provider="free")
    if found is None or not paid.filter(currency=found.currency).exists():
        raise NotSold("no_overage")
    highest = HIGHEST_CAP if found.highest_minor is None else found.highest_minor
    if not 0 <= cap_minor <= highest:
        raise BadAmount(highest)
    counted.set_cap(tenant, feature, cap_minor)


def take_lines(tenant: TenantInfo, row: Subscription) -> list[Line]:
    """Return the lines of what this subscription bills beyond its plans; once, in this transaction."""
    return _lines(tenant, row, counted.take(tenant.pk, _features(row)))


def upcoming(tenant: TenantInfo, row: Subscription) -> list[Line]:
    """Return the lines that the next invoice would hold for what was used so far."""
    wanted = _features(row)
    found = [
        item for item in counted.unbilled(tenant.pk) if wanted is None or item.feature in wanted
    ]
    return _lines(tenant, row, found)


def close(tenant: TenantInfo, row: Subscription) -> Invoice | None:
    """Issue the last invoice of a subscription that has ended, None when nothing was used beyond."""
    lines = take_lines(tenant, row)
    if not lines:
        return None
    return issuing.issue(
        tenant,
        row.account,
        lines,
        provider=row.provider,
        currency=row.currency,
        subscription=row,
        issuer=issuing.issuer_of(tenant),
    )


def _features(row: Subscription) -> set[str] | None:
    """Return the features that a subscription of modules bills; the plan's bills all (None)."""
    if row.items.filter(price__plan_version__plan__module="").exists():
        return None
    found = PlanEntitlement.objects.filter(
        Q(overage=PlanEntitlement.Overage.BILL),
        version__in=row.items.values("price__plan_version"),
    )
    return set(found.values_list("feature", flat=True))


def _lines(tenant: TenantInfo, row: Subscription, found: Sequence[counted.Excess]) -> list[Line]:
    if not found:
        return []
    item = row.items.select_related("price__plan_version__plan").order_by("created_at").first()
    assert item is not None  # noqa: S101  a subscription pays for something
    rate, category = taxes.rate_for(row.account, item.price.tax_code)
    book = pricing.book_of(tenant.reseller_pk)
    lines = []
    for excess in found:
        unit = excess.unit_minor
        cost = None
        if book is not None:
            cost = excess.amount_minor - percent_of(excess.amount_minor, book.discount_percent)
        lines.append(
            Line(
                _text(tenant, excess),
                1 if unit is None else excess.units,
                excess.amount_minor if unit is None else unit,
                rate,
                category,
                module=item.price.plan_version.plan.module,
                cost_minor=cost,
                reseller_tenant_id=tenant.reseller_pk if cost is not None else None,
                client_tenant_id=tenant.pk if cost is not None else None,
            )
        )
    return lines


def _text(tenant: TenantInfo, excess: counted.Excess) -> str:
    with override(tenant.locale):
        text: str = _("%(feature)s: %(units)s beyond the plan, period of %(date)s") % {
            "feature": notices.label_of(excess.feature),
            "units": excess.units,
            "date": date_format(
                excess.period_start.astimezone(ZoneInfo(tenant.timezone)), "DATE_FORMAT"
            ),
        }
        return text
