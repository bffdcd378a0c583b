"""The revenue page's figures, and the same as a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils import translation
from django.utils.translation import gettext as _

from tenants import registry
from tremplin.billing.money import major
from tremplin.kernel import clock
from tremplin.licensing.models import Plan
from tremplin.operations.revenue import figures, timeline, trials
from tremplin.operations.revenue.figures import Month, Movements, Share
from tremplin.operations.revenue.timeline import Part, Track

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

DEFAULT_CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Revenue:
    """Everything about one currency and one measure; ``months`` is oldest first, twelve long."""

    currency: str
    currencies: tuple[str, ...]
    measure: str
    platform_minor: int
    retail_minor: int
    months: tuple[Month, ...]
    by_plan: tuple[Share, ...]
    by_module: tuple[Share, ...]
    by_reseller: tuple[Share, ...]

    @property
    def now(self) -> Month:
        """Return the present month."""
        return self.months[-1]

    @property
    def last(self) -> Month:
        """Return the last month that is over: its rates are final."""
        return self.months[-2]

    @property
    def resellers_minor(self) -> int:
        """Return what resellers keep per month: retail less platform."""
        return self.retail_minor - self.platform_minor

    @property
    def chart(self) -> list[tuple[str, Decimal]]:
        """Return MRR at the end of each month, in major units."""
        return [
            (month_label(month), major(month.moved.end_minor, self.currency))
            for month in self.months
        ]

    @property
    def movement_chart(self) -> dict[str, object]:
        """Return the four movements of each month, in major units."""
        names: tuple[tuple[str, Callable[[Movements], int]], ...] = (
            (_("New"), lambda moved: moved.new_minor),
            (_("Expansion"), lambda moved: moved.expansion_minor),
            (_("Contraction"), lambda moved: moved.contraction_minor),
            (_("Churn"), lambda moved: moved.churn_minor),
        )
        return {
            "labels": [month_label(month) for month in self.months],
            "series": [
                {
                    "name": name,
                    "values": [major(read(month.moved), self.currency) for month in self.months],
                }
                for name, read in names
            ],
        }


def month_label(month: Month) -> str:
    """Return ``11/26``: short enough for twelve of them under a chart."""
    return f"{month.first:%m/%y}"


def revenue(hq: TenantInfo, *, currency: str = "", measure: str = "platform") -> Revenue:
    """Return the figures of a currency (by default the euro, or the first there is)."""
    now = clock.now()
    found = timeline.tracks()
    currencies = tuple(sorted({track.currency for track in found})) or (DEFAULT_CURRENCY,)
    if currency not in currencies:
        currency = DEFAULT_CURRENCY if DEFAULT_CURRENCY in currencies else currencies[0]
    names = _names()
    resellers = _resellers()
    return Revenue(
        currency=currency,
        currencies=currencies,
        measure=measure,
        platform_minor=sum(figures.by_space(found, now, currency, "platform").values()),
        retail_minor=sum(figures.by_space(found, now, currency, "retail").values()),
        months=tuple(
            figures.months(
                found,
                trials.decided(now),
                now=now,
                zone=hq.timezone,
                currency=currency,
                measure=measure,
            )
        ),
        by_plan=_shares(found, now, currency, lambda _t, part: _plan(part, names, "")),
        by_module=_shares(found, now, currency, lambda _t, part: _plan(part, names, "module")),
        by_reseller=_shares(
            found, now, currency, lambda track, _p: resellers.get(track.tenant_id, _("Direct"))
        ),
    )


def space_mrr() -> dict[int, dict[str, int]]:
    """Return what each customer brings the platform per month now, by currency."""
    now = clock.now()
    found: dict[int, dict[str, int]] = {}
    for track in timeline.tracks():
        amount = sum(part.platform_minor for part in track.at(now))
        if amount:
            held = found.setdefault(track.tenant_id, {})
            held[track.currency] = held.get(track.currency, 0) + amount
    return found


def _shares(
    tracks: Sequence[Track],
    now: datetime,
    currency: str,
    label_of: Callable[[Track, Part], str | None],
) -> tuple[Share, ...]:
    return tuple(figures.shares(tracks, now, currency, label_of))


def _plan(part: Part, names: dict[str, str], wanted: str) -> str | None:
    """Return the name of a part's plan; those of modules and of the space are apart."""
    if bool(part.module) != bool(wanted):
        return None
    return names.get(part.plan, part.plan)


def _names() -> dict[str, str]:
    french = (translation.get_language() or "en").startswith("fr")
    return dict(Plan.objects.values_list("key", "name_fr" if french else "name_en"))


def _resellers() -> dict[int, str]:
    spaces = registry.all_tenants()
    names = {space.pk: space.name for space in spaces}
    return {
        space.pk: names.get(space.reseller_pk, "")
        for space in spaces
        if space.reseller_pk is not None
    }


def as_csv(found: Revenue) -> str:
    """Return the months as CSV with a semicolon, amounts in major units with a point."""
    out = io.StringIO()
    sheet = csv.writer(out, delimiter=";", lineterminator="\r\n")
    sheet.writerow(
        "month;currency;measure;mrr_start;new;expansion;contraction;churn;mrr_end;customers_start;"
        "customers_new;customers_lost;customers_end;churn_percent;revenue_churn_percent;"
        "trials_decided;trials_converted;trial_conversion_percent".split(";")
    )
    for month in found.months:
        moved = month.moved
        amounts = (
            moved.start_minor, moved.new_minor, moved.expansion_minor, moved.contraction_minor,
            moved.churn_minor, moved.end_minor,
        )  # fmt: skip
        rates = (moved.churn_percent, moved.revenue_churn_percent)
        sheet.writerow(
            [
                f"{month.first:%Y-%m}",
                found.currency,
                found.measure,
                *(major(amount, found.currency) for amount in amounts),
                moved.customers_start,
                moved.customers_new,
                moved.customers_lost,
                moved.customers_end,
                *("" if rate is None else rate for rate in rates),
                month.trials.decided,
                month.trials.converted,
                "" if month.trials.percent is None else month.trials.percent,
            ]
        )
    return out.getvalue()
