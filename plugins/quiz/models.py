"""What the quiz module stores: the bank, quizzes, assignments, attempts and their statistics.

People and cohorts are kept as bare identifiers: the module reads them through the ``people``
service, and erasing a person only has to blank an identifier.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
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

    name = models.CharField(max_length=200)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )

    class Meta:
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
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="questions"
    )
    current = models.OneToOneField(
        "QuestionVersion", null=True, on_delete=models.SET_NULL, related_name="current_of"
    )
    source_id = models.CharField(max_length=200, blank=True, default="")
    archived_at = models.DateTimeField(null=True, blank=True)
    created_by = models.UUIDField(null=True, blank=True)

    class Meta:
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

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField(default=1)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    title = models.CharField(max_length=250, blank=True, default="")
    stem = models.TextField()
    content = models.JSONField()
    feedback = models.TextField(blank=True, default="")
    skills = ArrayField(models.CharField(max_length=250), default=list, blank=True)
    tags = ArrayField(models.CharField(max_length=250), default=list, blank=True)
    difficulty = models.SmallIntegerField(
        default=2, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    points = models.DecimalField(max_digits=12, decimal_places=5, default=Decimal(1))
    media = models.JSONField(default=dict, blank=True)
    content_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.UUIDField(null=True, blank=True)

    class Meta:
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

    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    language = models.CharField(max_length=10, blank=True, default="")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    minutes = models.IntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(600)]
    )
    attempts_allowed = models.IntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    grading = models.CharField(max_length=8, choices=Grading.choices, default=Grading.HIGHEST)
    pass_percent = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    shuffle_questions = models.BooleanField(default=False)
    shuffle_answers = models.BooleanField(default=False)
    layout = models.CharField(max_length=6, choices=Layout.choices, default=Layout.PAGED)
    navigation = models.CharField(
        max_length=10, choices=Navigation.choices, default=Navigation.FREE
    )
    review = models.CharField(max_length=10, choices=Review.choices, default=Review.SUBMISSION)
    open_to_all = models.BooleanField(default=False)
    opens_at = models.DateTimeField(null=True, blank=True)
    closes_at = models.DateTimeField(null=True, blank=True)
    source_id = models.CharField(max_length=200, blank=True, default="")
    created_by = models.UUIDField(null=True, blank=True)

    class Meta:
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

    quiz = models.ForeignKey(Quiz, on_delete=models.CASCADE, related_name="sections")
    position = models.IntegerField(default=0)
    title = models.CharField(max_length=200, blank=True, default="")
    source = models.CharField(max_length=5, choices=Source.choices, default=Source.FIXED)
    draw_count = models.IntegerField(default=0, validators=[MaxValueValidator(200)])
    draw_category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    draw_tags = ArrayField(models.CharField(max_length=250), default=list, blank=True)
    draw_skills = ArrayField(models.CharField(max_length=250), default=list, blank=True)
    difficulty_min = models.SmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    difficulty_max = models.SmallIntegerField(
        default=5, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )

    class Meta:
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.title or f"{self.position + 1}"


class SectionQuestion(TenantModel):
    """A question chosen for a section; ``points`` overrides the question's own."""

    section = models.ForeignKey(Section, on_delete=models.CASCADE, related_name="chosen")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="uses")
    position = models.IntegerField(default=0)
    points = models.DecimalField(max_digits=12, decimal_places=5, null=True, blank=True)

    class Meta:
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

    quiz = models.ForeignKey(Quiz, on_delete=models.CASCADE, related_name="assignments")
    person = models.UUIDField(null=True, blank=True, db_index=True)
    cohort = models.UUIDField(null=True, blank=True, db_index=True)
    opens_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    created_by = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
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

    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT, related_name="attempts")
    person = models.UUIDField(null=True, blank=True, db_index=True)
    number = models.IntegerField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.IN_PROGRESS)
    seed = models.BigIntegerField()
    items = models.JSONField()
    current = models.IntegerField(default=0)
    started_at = models.DateTimeField()
    deadline_at = models.DateTimeField(null=True, blank=True)
    extra_time = models.CharField(max_length=20, blank=True, default="")
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_by = models.CharField(
        max_length=8, choices=SubmittedBy.choices, blank=True, default=""
    )
    completed_at = models.DateTimeField(null=True, blank=True)
    score = models.DecimalField(max_digits=12, decimal_places=5, null=True, blank=True)
    max_score = models.DecimalField(max_digits=12, decimal_places=5)
    percent = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    passed = models.BooleanField(null=True, blank=True)
    skills = models.JSONField(default=dict, blank=True)

    class Meta:
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

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="answers")
    version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, related_name="answers")
    position = models.IntegerField()
    points = models.DecimalField(max_digits=12, decimal_places=5)
    response = models.JSONField(null=True, blank=True)
    revision = models.IntegerField(default=0)
    saved_at = models.DateTimeField(null=True, blank=True)
    flagged = models.BooleanField(default=False)
    checked_at = models.DateTimeField(null=True, blank=True)
    fraction = models.DecimalField(max_digits=8, decimal_places=7, null=True, blank=True)
    score = models.DecimalField(max_digits=12, decimal_places=5, null=True, blank=True)
    needs_marking = models.BooleanField(default=False)
    marked_by = models.UUIDField(null=True, blank=True)
    marked_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(blank=True, default="")

    class Meta:
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

    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="marks")
    former = models.DecimalField(max_digits=12, decimal_places=5, null=True, blank=True)
    score = models.DecimalField(max_digits=12, decimal_places=5)
    comment = models.TextField(blank=True, default="")
    marked_by = models.UUIDField(null=True, blank=True)
    marked_at = models.DateTimeField()

    class Meta:
        ordering = ("marked_at",)

    def __str__(self) -> str:
        return f"{self.answer_id}: {self.score}"


class ItemStat(TenantModel):
    """Computed statistics of one question version inside one quiz."""

    quiz = models.ForeignKey(Quiz, on_delete=models.CASCADE, related_name="item_stats")
    version = models.ForeignKey(QuestionVersion, on_delete=models.CASCADE, related_name="+")
    people = models.IntegerField()
    facility = models.DecimalField(max_digits=6, decimal_places=4)
    discrimination = models.DecimalField(max_digits=6, decimal_places=4, null=True)
    correlation = models.DecimalField(max_digits=6, decimal_places=4, null=True)
    alerts = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    computed_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("quiz", "version"), name="quiz_itemstat_once"),
        )

    def __str__(self) -> str:
        return f"{self.quiz_id}/{self.version_id}"


class ImportBatch(TenantModel):
    """An uploaded question file between its preview and its import."""

    name = models.CharField(max_length=200)
    format = models.CharField(max_length=20)
    result = models.JSONField()
    created_by = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField()
    imported_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name
