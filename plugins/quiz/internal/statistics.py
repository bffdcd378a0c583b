"""Item statistics as pure functions over score tables; sources are named in README.md."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

FIGURE = Decimal("0.0001")
GROUP_SHARE = Decimal("0.27")
ENOUGH = 10
WEAK = Decimal("0.20")


@dataclass(frozen=True, slots=True)
class ItemFigures:
    """Statistics of one item; ``None`` where a figure does not exist (no variance, no people)."""

    people: int
    facility: Decimal
    discrimination: Decimal | None
    correlation: Decimal | None


def _figure(value: Decimal) -> Decimal:
    return value.quantize(FIGURE, ROUND_HALF_UP) + 0


def facility(fractions: list[Decimal]) -> Decimal:
    """Return the mean fraction of an item, from 0 to 1."""
    return sum(fractions, Decimal(0)) / len(fractions)


def discrimination(fractions: list[Decimal], totals: list[Decimal]) -> Decimal | None:
    """Return Kelley's index D: mean of the best 27 % minus mean of the weakest 27 %.

    ``fractions`` and ``totals`` are parallel, one entry per person. Ties on the total share their
    fractions evenly (each tied person counts with the mean of the tie), so that the figure does not
    depend on the order of the table. Under two people there is no index.
    """
    size = len(fractions)
    if size < 2:
        return None
    group = int((GROUP_SHARE * size).to_integral_value(ROUND_CEILING))
    by_total: dict[Decimal, list[Decimal]] = {}
    for fraction, total in zip(fractions, totals, strict=True):
        by_total.setdefault(total, []).append(fraction)
    ranked = [
        sum(by_total[total], Decimal(0)) / len(by_total[total])
        for total in sorted(by_total)
        for _person in by_total[total]
    ]
    weakest, best = ranked[:group], ranked[-group:]
    return (sum(best, Decimal(0)) - sum(weakest, Decimal(0))) / group


def correlation(scores: list[Decimal], totals: list[Decimal]) -> Decimal | None:
    """Return the corrected point-biserial: Pearson's r of the item with the rest of the test.

    ``None`` when the item or the rest does not vary.
    """
    size = len(scores)
    if size < 2:
        return None
    rest = [total - score for score, total in zip(scores, totals, strict=True)]
    mean_score = sum(scores, Decimal(0)) / size
    mean_rest = sum(rest, Decimal(0)) / size
    pairs = list(zip(scores, rest, strict=True))
    product = sum(((s - mean_score) * (r - mean_rest) for s, r in pairs), Decimal(0))
    spread_score = sum(((s - mean_score) ** 2 for s in scores), Decimal(0))
    spread_rest = sum(((r - mean_rest) ** 2 for r in rest), Decimal(0))
    if spread_score == 0 or spread_rest == 0:
        return None
    return product / (spread_score * spread_rest).sqrt()


def item_figures(
    scores: list[Decimal], points: list[Decimal], totals: list[Decimal]
) -> ItemFigures:
    """Return the figures of one item from parallel lists, one entry per person who met it."""
    fractions = [s / p if p else Decimal(0) for s, p in zip(scores, points, strict=True)]
    index = discrimination(fractions, totals)
    r = correlation(scores, totals)
    return ItemFigures(
        people=len(scores),
        facility=_figure(facility(fractions)),
        discrimination=None if index is None else _figure(index),
        correlation=None if r is None else _figure(r),
    )


def alerts(figures: ItemFigures, *, low: Decimal, high: Decimal) -> list[str]:
    """Return the codes of what an author should look at (nothing under 10 people).

    ``low`` and ``high`` bound the expected facility, from 0 to 1.
    """
    if figures.people < ENOUGH:
        return []
    found: list[str] = []
    if figures.facility < low:
        found.append("too_hard")
    if figures.facility > high:
        found.append("too_easy")
    if figures.correlation is not None:
        if figures.correlation < 0:
            found.append("check_key")
        elif figures.correlation < WEAK:
            found.append("weak")
    return found
