"""The bank of questions: shelves, questions, their versions, and uploaded files of questions."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from plugins.quiz.internal.content import HUMAN_MARKED, UNSCORED, Content, parse_content
from tremplin.api.models import TenantModel, TimeStampedModel


class Kind(models.TextChoices):
    SINGLE = "single", _("Single choice")
    MULTIPLE = "multiple", _("Multiple choice")
    TRUEFALSE = "truefalse", _("True or false")
    NUMERIC = "numeric", _("Number")
    SHORT = "short", _("Short text")
    ORDER = "order", _("Ordering")
    MATCH = "match", _("Matching")
    ESSAY = "essay", _("Essay")
    DESCRIPTION = "description", _("Description")


class Category(TenantModel):
    """A shelf of the question bank."""

    name = models.CharField(_("name"), max_length=200)
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="children",
        verbose_name=_("parent category"),
    )

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("name", "parent"), nulls_distinct=False, name="quiz_category_unique"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Question(TimeStampedModel):
    """The identity of a question; what it says is in its versions."""

    category = models.ForeignKey(
        Category,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="questions",
        verbose_name=_("category"),
    )
    current = models.OneToOneField(
        "QuestionVersion",
        null=True,
        on_delete=models.SET_NULL,
        related_name="current_of",
        verbose_name=_("current version"),
    )
    source_id = models.CharField(
        _("identifier at its source"), max_length=200, blank=True, default=""
    )
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    created_by = models.UUIDField(_("author"), null=True, blank=True)

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        constraints = (
            models.UniqueConstraint(
                fields=("source_id",), condition=~Q(source_id=""), name="quiz_question_source"
            ),
        )

    def __str__(self) -> str:
        return str(self.current or self.pk)


class QuestionVersion(TenantModel):
    """One immutable wording of a question; attempts keep the version they were taken with.

    ``media`` maps the name of an image (``media:NAME`` in the texts) to the id of its stored file.
    """

    question = models.ForeignKey(
        Question, on_delete=models.CASCADE, related_name="versions", verbose_name=_("question")
    )
    number = models.IntegerField(_("number"), default=1)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    title = models.CharField(_("title"), max_length=250, blank=True, default="")
    stem = models.TextField(_("wording"))
    content = models.JSONField(_("choices and solution"))
    feedback = models.TextField(_("feedback"), blank=True, default="")
    skills = ArrayField(
        models.CharField(max_length=250), default=list, blank=True, verbose_name=_("skills")
    )
    tags = ArrayField(
        models.CharField(max_length=250), default=list, blank=True, verbose_name=_("tags")
    )
    difficulty = models.SmallIntegerField(
        _("difficulty"), default=2, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    points = models.DecimalField(_("points"), max_digits=12, decimal_places=5, default=Decimal(1))
    media = models.JSONField(_("images"), default=dict, blank=True)
    content_hash = models.CharField(_("fingerprint"), max_length=64)
    created_at = models.DateTimeField(_("written"))
    created_by = models.UUIDField(_("author"), null=True, blank=True)

    class Meta:
        verbose_name = _("version of a question")
        verbose_name_plural = _("versions of questions")
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=("question", "number"), name="quiz_version_number"),
        )

    def __str__(self) -> str:
        return self.title or self.stem[:80]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the version. Raises ``TypeError`` when it exists: a version never changes."""
        if not self._state.adding:
            raise TypeError("a question version is immutable; write a new one")
        super().save(*args, **kwargs)

    @cached_property
    def typed(self) -> Content:
        """Return the typed content."""
        return parse_content(self.content)

    @property
    def scored(self) -> bool:
        return self.kind not in UNSCORED

    @property
    def human_marked(self) -> bool:
        return self.kind in HUMAN_MARKED


class ImportBatch(TenantModel):
    """An uploaded question file between its preview and its import."""

    name = models.CharField(_("file name"), max_length=200)
    format = models.CharField(_("format"), max_length=20)
    result = models.JSONField(_("questions read"))
    created_by = models.UUIDField(_("sender"), null=True, blank=True)
    created_at = models.DateTimeField(_("sent"))
    imported_at = models.DateTimeField(_("imported"), null=True, blank=True)

    class Meta:
        verbose_name = _("uploaded file of questions")
        verbose_name_plural = _("uploaded files of questions")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name
