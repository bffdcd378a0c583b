"""Recurring revenue and what moves it. Every figure is defined here, with its formula.

Words used below, for one currency and one measure:

- **Measure**: ``platform`` is what the platform earns, ``retail`` what customers pay. They differ
  for the client of a reseller alone: the platform earns the reseller's cost (Pro at 190 EUR with a
  discount of 25 %: platform 142.50 EUR, retail 190 EUR, the reseller keeps 47.50 EUR).
- **MRR** of a space at an instant = sum over its subscriptions in force of the price of a period
  divided by the months of the period (half-up once per subscription), before VAT and discounts.
  In force: after the trial, before the end, and not suspended; late payments still count. What is
  sold once and what is used beyond a plan are not recurring.
- **Customer**: a space whose MRR is above zero. Free plans and trials make no customer.

The months are those of the platform's time zone; the present one ends now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from tremplin.licensing.periods import add_months
from tremplin.operations.revenue.timeline import Part, Track
from tremplin.operations.revenue.trials import TrialFact

MEASURES = ("platform", "retail")
ONE_DIGIT = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Movements:
    """What made MRR go from ``start_minor`` to ``end_minor``, in minor units per month.

    ``end = start + new + expansion - contraction - churn``, always. Each space is compared with
    itself at the two instants: what it bought and ended in between leaves no trace.

    - new: MRR of the spaces that had none at the start (a space that comes back is new again);
    - expansion: increases of the spaces that had some at the start and still have some;
    - contraction: decreases of those same spaces;
    - churn: MRR that was lost with the spaces that have none at the end.
    """

    start_minor: int
    new_minor: int
    expansion_minor: int
    contraction_minor: int
    churn_minor: int
    end_minor: int
    customers_start: int
    customers_new: int
    customers_lost: int
    customers_end: int

    @property
    def churn_percent(self) -> Decimal | None:
        """Return customer churn = spaces lost / customers at the start, in percent (1 digit)."""
        return percent(self.customers_lost, self.customers_start)

    @property
    def revenue_churn_percent(self) -> Decimal | None:
        """Return gross revenue churn = (churn + contraction) / MRR at the start, in percent."""
        return percent(self.churn_minor + self.contraction_minor, self.start_minor)


@dataclass(frozen=True, slots=True)
class Conversion:
    """Trials decided in a time: ``converted`` of them became a paid subscription."""

    decided: int
    converted: int

    @property
    def percent(self) -> Decimal | None:
        """Return trial conversion = trials converted / trials decided, in percent (1 digit)."""
        return percent(self.converted, self.decided)


@dataclass(frozen=True, slots=True)
class Month:
    """One calendar month: ``first`` is its first day, ``is_open`` when it is not over."""

    first: date
    is_open: bool
    moved: Movements
    trials: Conversion


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a plan, a module or a reseller in today's MRR."""

    label: str
    customers: int
    platform_minor: int
    retail_minor: int


def percent(part: int, whole: int) -> Decimal | None:
    """Return ``part`` of ``whole`` in percent with one digit, half-up; None of nothing."""
    if not whole:
        return None
    return (Decimal(part) * 100 / Decimal(whole)).quantize(ONE_DIGIT, ROUND_HALF_UP)


def amount_of(part: Part, measure: str) -> int:
    """Return a part's amount in one of ``MEASURES``."""
    return part.retail_minor if measure == "retail" else part.platform_minor


def by_space(tracks: Sequence[Track], at: datetime, currency: str, measure: str) -> dict[int, int]:
    """Return the MRR of each customer at an instant, in minor units; no entry without MRR."""
    found: dict[int, int] = defaultdict(int)
    for track in tracks:
        if track.currency != currency:
            continue
        for part in track.at(at):
            found[track.tenant_id] += amount_of(part, measure)
    return {tenant: amount for tenant, amount in found.items() if amount}


def movements(
    tracks: Sequence[Track], start: datetime, end: datetime, currency: str, measure: str
) -> Movements:
    """Return what moved between two instants (see ``Movements``)."""
    before = by_space(tracks, start, currency, measure)
    after = by_space(tracks, end, currency, measure)
    both = before.keys() & after.keys()
    return Movements(
        start_minor=sum(before.values()),
        new_minor=sum(amount for tenant, amount in after.items() if tenant not in before),
        expansion_minor=sum(max(after[tenant] - before[tenant], 0) for tenant in both),
        contraction_minor=sum(max(before[tenant] - after[tenant], 0) for tenant in both),
        churn_minor=sum(amount for tenant, amount in before.items() if tenant not in after),
        end_minor=sum(after.values()),
        customers_start=len(before),
        customers_new=len(after.keys() - before.keys()),
        customers_lost=len(before.keys() - after.keys()),
        customers_end=len(after),
    )


def conversion(trials: Sequence[TrialFact], start: datetime, end: datetime) -> Conversion:
    """Return the trials decided from ``start`` to ``end`` (out).

    A trial is decided when it converts, else at its end. Those that still run count nowhere.
    """
    decided = [trial for trial in trials if start <= trial.decided_at < end]
    return Conversion(len(decided), sum(trial.is_converted for trial in decided))


def months(
    tracks: Sequence[Track],
    trials: Sequence[TrialFact],
    *,
    now: datetime,
    zone: str,
    currency: str,
    measure: str,
    count: int = 12,
) -> list[Month]:
    """Return the last ``count`` calendar months, oldest first, the present one last."""
    place = ZoneInfo(zone)
    this = now.astimezone(place).date().replace(day=1)
    found = []
    for back in range(count - 1, -1, -1):
        first = shift(this, -back)
        start = datetime.combine(first, time.min, place)
        end = datetime.combine(shift(first, 1), time.min, place)
        is_open = end > now
        until = now if is_open else end
        found.append(
            Month(
                first,
                is_open,
                movements(tracks, start, until, currency, measure),
                conversion(trials, start, end),
            )
        )
    return found


def shift(first: date, count: int) -> date:
    """Return the first day of the month ``count`` months after (or before) ``first``."""
    start = datetime(first.year, first.month, 1)  # noqa: DTZ001  a calendar day, no instant
    return add_months(start, count).date()


def shares(
    tracks: Sequence[Track],
    at: datetime,
    currency: str,
    label_of: Callable[[Track, Part], str | None],
) -> list[Share]:
    """Return MRR at an instant by the label of each part (None leaves it out), largest first."""
    platform: dict[str, int] = defaultdict(int)
    retail: dict[str, int] = defaultdict(int)
    customers: dict[str, set[int]] = defaultdict(set)
    for track in tracks:
        if track.currency != currency:
            continue
        for part in track.at(at):
            label = label_of(track, part)
            if label is None or not part.retail_minor:
                continue
            platform[label] += part.platform_minor
            retail[label] += part.retail_minor
            customers[label].add(track.tenant_id)
    rows = [Share(label, len(customers[label]), platform[label], retail[label]) for label in retail]
    return sorted(rows, key=lambda row: (-row.platform_minor, row.label))
