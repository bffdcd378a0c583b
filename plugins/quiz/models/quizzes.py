"""Quizzes, their sections and questions, and to whom they are given."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from plugins.quiz.models.bank import Category, Question
from tremplin.api.models import TenantModel, TimeStampedModel


class Quiz(TimeStampedModel):
    """A set of sections with the rules under which people take it."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        ARCHIVED = "archived", _("Archived")

    class Grading(models.TextChoices):
        HIGHEST = "highest", _("Highest score")
        AVERAGE = "average", _("Average of the scores")
        FIRST = "first", _("First attempt")
        LAST = "last", _("Last attempt")

    class Layout(models.TextChoices):
        PAGED = "paged", _("One question per page")
        ALL = "all", _("All questions on one page")

    class Navigation(models.TextChoices):
        FREE = "free", _("Free: questions in any order")
        SEQUENTIAL = "sequential", _("Sequential: no way back")

    class Review(models.TextChoices):
        PRACTICE = "practice", _("Practice: feedback after each answer")
        SUBMISSION = "submission", _("Exam: feedback after submission")
        CLOSE = "close", _("Exam: score after submission, answers after closing")

    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True, default="")
    language = models.CharField(_("language"), max_length=10, blank=True, default="")
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    minutes = models.IntegerField(
        _("time limit in minutes"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(600)],
    )
    attempts_allowed = models.IntegerField(
        _("attempts allowed"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
    )
    grading = models.CharField(
        _("score that counts"), max_length=8, choices=Grading.choices, default=Grading.HIGHEST
    )
    pass_percent = models.DecimalField(
        _("pass mark"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    shuffle_questions = models.BooleanField(_("questions shuffled"), default=False)
    shuffle_answers = models.BooleanField(_("answers shuffled"), default=False)
    layout = models.CharField(
        _("layout"), max_length=6, choices=Layout.choices, default=Layout.PAGED
    )
    navigation = models.CharField(
        _("navigation"), max_length=10, choices=Navigation.choices, default=Navigation.FREE
    )
    review = models.CharField(
        _("what is shown afterwards"),
        max_length=10,
        choices=Review.choices,
        default=Review.SUBMISSION,
    )
    open_to_all = models.BooleanField(_("open to all"), default=False)
    opens_at = models.DateTimeField(_("opens"), null=True, blank=True)
    closes_at = models.DateTimeField(_("closes"), null=True, blank=True)
    source_id = models.CharField(
        _("identifier at its source"), max_length=200, blank=True, default=""
    )
    created_by = models.UUIDField(_("author"), null=True, blank=True)

    class Meta:
        verbose_name = _("quiz")
        verbose_name_plural = _("quizzes")
        ordering = ("title",)
        constraints = (
            models.UniqueConstraint(
                fields=("source_id",), condition=~Q(source_id=""), name="quiz_quiz_source"
            ),
            models.CheckConstraint(
                condition=Q(opens_at=None) | Q(closes_at=None) | Q(opens_at__lt=F("closes_at")),
                name="quiz_quiz_window",
            ),
        )

    def __str__(self) -> str:
        return self.title


class Section(TenantModel):
    """A part of a quiz: chosen questions, or a random draw from the bank."""

    class Source(models.TextChoices):
        FIXED = "fixed", _("Chosen questions")
        DRAW = "draw", _("Random draw")

    quiz = models.ForeignKey(
        Quiz, on_delete=models.CASCADE, related_name="sections", verbose_name=_("quiz")
    )
    position = models.IntegerField(_("position"), default=0)
    title = models.CharField(_("title"), max_length=200, blank=True, default="")
    source = models.CharField(
        _("source"), max_length=5, choices=Source.choices, default=Source.FIXED
    )
    draw_count = models.IntegerField(
        _("questions drawn"), default=0, validators=[MaxValueValidator(200)]
    )
    draw_category = models.ForeignKey(
        Category,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("category drawn from"),
    )
    draw_tags = ArrayField(
        models.CharField(max_length=250),
        default=list,
        blank=True,
        verbose_name=_("tags drawn from"),
    )
    draw_skills = ArrayField(
        models.CharField(max_length=250),
        default=list,
        blank=True,
        verbose_name=_("skills drawn from"),
    )
    difficulty_min = models.SmallIntegerField(
        _("least difficulty"), default=1, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    difficulty_max = models.SmallIntegerField(
        _("greatest difficulty"), default=5, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )

    class Meta:
        verbose_name = _("section of a quiz")
        verbose_name_plural = _("sections of quizzes")
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.title or f"{self.position + 1}"


class SectionQuestion(TenantModel):
    """A question chosen for a section; ``points`` overrides the question's own."""

    section = models.ForeignKey(
        Section, on_delete=models.CASCADE, related_name="chosen", verbose_name=_("section")
    )
    question = models.ForeignKey(
        Question, on_delete=models.PROTECT, related_name="uses", verbose_name=_("question")
    )
    position = models.IntegerField(_("position"), default=0)
    points = models.DecimalField(
        _("points"), max_digits=12, decimal_places=5, null=True, blank=True
    )

    class Meta:
        verbose_name = _("question of a section")
        verbose_name_plural = _("questions of sections")
        ordering = ("position", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("section", "question"), name="quiz_sectionquestion_once"
            ),
        )

    def __str__(self) -> str:
        return str(self.question_id)


class Assignment(TenantModel):
    """A quiz given to one person or to one cohort, with an optional window."""

    quiz = models.ForeignKey(
        Quiz, on_delete=models.CASCADE, related_name="assignments", verbose_name=_("quiz")
    )
    person = models.UUIDField(_("person"), null=True, blank=True, db_index=True)
    cohort = models.UUIDField(_("cohort"), null=True, blank=True, db_index=True)
    opens_at = models.DateTimeField(_("opens"), null=True, blank=True)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    created_by = models.UUIDField(_("given by"), null=True, blank=True)
    created_at = models.DateTimeField(_("given"))

    class Meta:
        verbose_name = _("quiz given")
        verbose_name_plural = _("quizzes given")
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(person=None, cohort__isnull=False)
                | Q(person__isnull=False, cohort=None),
                name="quiz_assignment_target",
            ),
            models.UniqueConstraint(fields=("quiz", "person"), name="quiz_assignment_person"),
            models.UniqueConstraint(fields=("quiz", "cohort"), name="quiz_assignment_cohort"),
        )

    def __str__(self) -> str:
        return str(self.person or self.cohort)
