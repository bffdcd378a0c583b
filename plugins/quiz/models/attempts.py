"""Attempts, answers, marks, and what they say about the questions."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from plugins.quiz.models.bank import QuestionVersion
from plugins.quiz.models.quizzes import Quiz
from tremplin.api.models import TenantModel


class Attempt(TenantModel):
    """One person's run through a quiz, with everything frozen at its start.

    ``items`` is the ordered list of ``{"version", "points", "section"}``; ``skills`` is the points
    per skill once completed. ``person`` is blank after an erasure.
    """

    class State(models.TextChoices):
        IN_PROGRESS = "in_progress", _("In progress")
        SUBMITTED = "submitted", _("Waiting for a marker")
        COMPLETED = "completed", _("Completed")

    class SubmittedBy(models.TextChoices):
        PERSON = "person", _("Submitted by the person")
        TIMEOUT = "timeout", _("Submitted when the time was up")

    quiz = models.ForeignKey(
        Quiz, on_delete=models.PROTECT, related_name="attempts", verbose_name=_("quiz")
    )
    person = models.UUIDField(_("person"), null=True, blank=True, db_index=True)
    number = models.IntegerField(_("number"))
    state = models.CharField(
        _("state"), max_length=12, choices=State.choices, default=State.IN_PROGRESS
    )
    seed = models.BigIntegerField(_("seed of the draw"))
    items = models.JSONField(_("questions drawn"))
    current = models.IntegerField(_("present question"), default=0)
    started_at = models.DateTimeField(_("started"))
    deadline_at = models.DateTimeField(_("time limit"), null=True, blank=True)
    extra_time = models.CharField(_("extra time"), max_length=20, blank=True, default="")
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    submitted_by = models.CharField(
        _("submitted by"), max_length=8, choices=SubmittedBy.choices, blank=True, default=""
    )
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)
    score = models.DecimalField(_("score"), max_digits=12, decimal_places=5, null=True, blank=True)
    max_score = models.DecimalField(_("greatest score"), max_digits=12, decimal_places=5)
    percent = models.DecimalField(
        _("percent"), max_digits=5, decimal_places=2, null=True, blank=True
    )
    passed = models.BooleanField(_("passed"), null=True, blank=True)
    skills = models.JSONField(_("points by skill"), default=dict, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ("-started_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("quiz", "person", "number"), name="quiz_attempt_number"
            ),
            models.UniqueConstraint(
                fields=("quiz", "person"),
                condition=Q(state="in_progress"),
                name="quiz_attempt_one_open",
            ),
        )
        indexes = (models.Index(fields=("quiz", "state"), name="quiz_attempt_state"),)

    def __str__(self) -> str:
        return f"{self.quiz_id}/{self.number}"

    def is_late(self, now: datetime) -> bool:
        """Tell whether the time limit is over."""
        return self.deadline_at is not None and now >= self.deadline_at


class Answer(TenantModel):
    """The answer to one question of one attempt; ``revision`` orders the saves of the browser."""

    attempt = models.ForeignKey(
        Attempt, on_delete=models.CASCADE, related_name="answers", verbose_name=_("attempt")
    )
    version = models.ForeignKey(
        QuestionVersion,
        on_delete=models.PROTECT,
        related_name="answers",
        verbose_name=_("question"),
    )
    position = models.IntegerField(_("position"))
    points = models.DecimalField(_("points"), max_digits=12, decimal_places=5)
    response = models.JSONField(_("answer given"), null=True, blank=True)
    revision = models.IntegerField(_("number of saves"), default=0)
    saved_at = models.DateTimeField(_("saved"), null=True, blank=True)
    flagged = models.BooleanField(_("flagged by the person"), default=False)
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True)
    fraction = models.DecimalField(
        _("part of the points"), max_digits=8, decimal_places=7, null=True, blank=True
    )
    score = models.DecimalField(_("score"), max_digits=12, decimal_places=5, null=True, blank=True)
    needs_marking = models.BooleanField(_("waits for a marker"), default=False)
    marked_by = models.UUIDField(_("marker"), null=True, blank=True)
    marked_at = models.DateTimeField(_("marked"), null=True, blank=True)
    comment = models.TextField(_("comment of the marker"), blank=True, default="")

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("attempt", "position"), name="quiz_answer_position"),
        )
        indexes = (
            models.Index(
                fields=("attempt",), condition=Q(needs_marking=True), name="quiz_answer_queue"
            ),
        )

    def __str__(self) -> str:
        return f"{self.attempt_id}/{self.position}"


class Mark(TenantModel):
    """One human decision on an answer; every decision is kept."""

    answer = models.ForeignKey(
        Answer, on_delete=models.CASCADE, related_name="marks", verbose_name=_("answer")
    )
    former = models.DecimalField(
        _("former score"), max_digits=12, decimal_places=5, null=True, blank=True
    )
    score = models.DecimalField(_("score"), max_digits=12, decimal_places=5)
    comment = models.TextField(_("comment of the marker"), blank=True, default="")
    marked_by = models.UUIDField(_("marker"), null=True, blank=True)
    marked_at = models.DateTimeField(_("marked"))

    class Meta:
        verbose_name = _("marking decision")
        verbose_name_plural = _("marking decisions")
        ordering = ("marked_at",)

    def __str__(self) -> str:
        return f"{self.answer_id}: {self.score}"


class ItemStat(TenantModel):
    """Computed statistics of one question version inside one quiz."""

    quiz = models.ForeignKey(
        Quiz, on_delete=models.CASCADE, related_name="item_stats", verbose_name=_("quiz")
    )
    version = models.ForeignKey(
        QuestionVersion, on_delete=models.CASCADE, related_name="+", verbose_name=_("question")
    )
    people = models.IntegerField(_("people counted"))
    facility = models.DecimalField(_("facility"), max_digits=6, decimal_places=4)
    discrimination = models.DecimalField(
        _("discrimination"), max_digits=6, decimal_places=4, null=True
    )
    correlation = models.DecimalField(_("correlation"), max_digits=6, decimal_places=4, null=True)
    alerts = ArrayField(
        models.CharField(max_length=30), default=list, blank=True, verbose_name=_("alerts")
    )
    computed_at = models.DateTimeField(_("computed"))

    class Meta:
        verbose_name = _("statistics of a question")
        verbose_name_plural = _("statistics of questions")
        constraints = (
            models.UniqueConstraint(fields=("quiz", "version"), name="quiz_itemstat_once"),
        )

    def __str__(self) -> str:
        return f"{self.quiz_id}/{self.version_id}"
