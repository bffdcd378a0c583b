"""Stores the item statistics of a quiz when newer attempts exist."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from plugins.quiz.internal import statistics
from plugins.quiz.models import Answer, Attempt, ItemStat, Quiz
from plugins.quiz.plugin import QuizSettings
from tremplin.api import TenantContext


def refresh(ctx: TenantContext, quiz: Quiz) -> list[ItemStat]:
    """Return the statistics of ``quiz`` by version, recomputed when an attempt ended since.

    Only first attempts count: later ones have seen the feedback.
    """
    firsts = quiz.attempts.filter(state=Attempt.State.COMPLETED, number=1)
    newest = firsts.aggregate(at=Max("completed_at"))["at"]
    remarked = Answer.objects.filter(attempt__in=firsts).aggregate(at=Max("marked_at"))["at"]
    latest = max((at for at in (newest, remarked) if at), default=None)
    stored = list(quiz.item_stats.select_related("version__question"))
    if latest is None:
        return []
    if stored and all(row.computed_at > latest for row in stored):
        return stored
    settings = ctx.settings(QuizSettings)
    low, high = Decimal(settings.facility_low) / 100, Decimal(settings.facility_high) / 100
    rows = Answer.objects.filter(attempt__in=firsts, version__kind__isnull=False).exclude(
        version__kind="description"
    )
    table: dict[UUID, list[tuple[Decimal, Decimal, Decimal]]] = defaultdict(list)
    for version, score, points, total in rows.values_list(
        "version_id", "score", "points", "attempt__score"
    ):
        table[version].append((score or Decimal(0), points, total or Decimal(0)))
    fresh = []
    for version, entries in table.items():
        scores, points, totals = (list(column) for column in zip(*entries, strict=True))
        figures = statistics.item_figures(scores, points, totals)
        fresh.append(
            ItemStat(
                quiz=quiz,
                version_id=version,
                people=figures.people,
                facility=figures.facility,
                discrimination=figures.discrimination,
                correlation=figures.correlation,
                alerts=statistics.alerts(figures, low=low, high=high),
                computed_at=ctx.now(),
            )
        )
    with transaction.atomic():
        Quiz.objects.select_for_update().get(pk=quiz.pk)
        quiz.item_stats.all().delete()
        ItemStat.objects.bulk_create(fresh)
    return list(quiz.item_stats.select_related("version__question"))
