"""Forms of the quiz editor: rules, sections, assignment."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plugins.quiz import selectors
from plugins.quiz.models import Quiz, Section
from plugins.quiz.services.authoring import slug_list
from tremplin.api import services


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class QuizForm(forms.ModelForm):
    """The rules of a quiz."""

    class Meta:
        model = Quiz
        fields = (
            "title", "description", "minutes", "attempts_allowed", "pass_percent", "grading",
            "review", "layout", "navigation", "shuffle_questions", "shuffle_answers", "open_to_all",
            "opens_at", "closes_at",
        )  # fmt: skip
        labels = {
            "title": gettext_lazy("Title"),
            "description": gettext_lazy("Introduction"),
            "minutes": gettext_lazy("Time limit in minutes"),
            "attempts_allowed": gettext_lazy("Attempts allowed"),
            "pass_percent": gettext_lazy("Pass mark in %"),
            "grading": gettext_lazy("Result kept"),
            "review": gettext_lazy("Corrections"),
            "layout": gettext_lazy("Layout"),
            "navigation": gettext_lazy("Navigation"),
            "shuffle_questions": gettext_lazy("Shuffle the questions"),
            "shuffle_answers": gettext_lazy("Shuffle the choices"),
            "open_to_all": gettext_lazy("Open to everybody in the space"),
            "opens_at": gettext_lazy("Opens"),
            "closes_at": gettext_lazy("Closes"),
        }
        help_texts = {
            "minutes": gettext_lazy(
                "Empty for no limit. Extra time of a person is added by itself."
            ),
            "attempts_allowed": gettext_lazy("Empty for as many as wanted."),
            "pass_percent": gettext_lazy("Empty for no pass mark."),
            "open_to_all": gettext_lazy(
                "Otherwise only the people and groups it is assigned to see it."
            ),
            "description": gettext_lazy("Shown before the start."),
        }
        widgets = {
            "description": forms.Textarea(attrs={"rows": 3}),
            "opens_at": _moment(),
            "closes_at": _moment(),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mark = self.initial.get("pass_percent")
        if isinstance(mark, Decimal) and mark == mark.to_integral_value():
            self.initial["pass_percent"] = mark.quantize(Decimal(1))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        opens, closes = data.get("opens_at"), data.get("closes_at")
        if opens and closes and opens >= closes:
            self.add_error("closes_at", _("The quiz must close after it opens."))
        layout, navigation = data.get("layout"), data.get("navigation")
        if layout == Quiz.Layout.ALL and navigation == Quiz.Navigation.SEQUENTIAL:
            self.add_error("navigation", _("With all questions on one page, navigation is free."))
        if data.get("review") == Quiz.Review.CLOSE and not closes:
            self.add_error("closes_at", _("Corrections come at closing: say when the quiz closes."))
        return data


class NewQuizForm(forms.Form):
    title = forms.CharField(label=gettext_lazy("Title"), max_length=200)


class SectionForm(forms.ModelForm):
    """A section; labels of a draw are typed with commas."""

    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        max_length=800,
        help_text=gettext_lazy("Any of them. Separate with commas."),
    )
    skills = forms.CharField(
        label=gettext_lazy("Skills"),
        required=False,
        max_length=800,
        help_text=gettext_lazy("Any of them. Separate with commas."),
    )

    class Meta:
        model = Section
        fields = ("title", "draw_count", "draw_category", "difficulty_min", "difficulty_max")
        labels = {
            "title": gettext_lazy("Title of the section"),
            "draw_count": gettext_lazy("Questions to draw"),
            "draw_category": gettext_lazy("Category"),
            "difficulty_min": gettext_lazy("Lowest difficulty"),
            "difficulty_max": gettext_lazy("Highest difficulty"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.source == Section.Source.FIXED:
            for name in (
                "draw_count",
                "draw_category",
                "difficulty_min",
                "difficulty_max",
                "tags",
                "skills",
            ):
                del self.fields[name]
            return
        self.initial["tags"] = ", ".join(self.instance.draw_tags)
        self.initial["skills"] = ", ".join(self.instance.draw_skills)
        category = self.fields["draw_category"]
        category.choices = [("", _("All categories")), *selectors.category_paths()]  # type: ignore[attr-defined]
        self.fields["draw_count"].min_value = 1  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        low, high = data.get("difficulty_min"), data.get("difficulty_max")
        if low and high and low > high:
            self.add_error("difficulty_max", _("The highest difficulty is below the lowest one."))
        if "draw_count" in self.fields and data.get("draw_count", 1) is not None:
            if data.get("draw_count", 1) < 1:
                self.add_error("draw_count", _("Draw at least one question."))
        return data

    def save(self, commit: bool = True) -> Section:
        if "tags" in self.fields:
            self.instance.draw_tags = list(slug_list(self.cleaned_data["tags"].split(",")))
            self.instance.draw_skills = list(slug_list(self.cleaned_data["skills"].split(",")))
        return super().save(commit)


class AssignForm(forms.Form):
    """Who takes the quiz, and until when."""

    cohorts = forms.MultipleChoiceField(
        label=gettext_lazy("Groups"),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"data-testid": "assign-cohort"}),
    )
    people = forms.CharField(
        label=gettext_lazy("People"), required=False, widget=forms.Textarea(attrs={"rows": 2}), max_length=10_000,
        help_text=gettext_lazy("E-mail addresses, separated by commas, spaces or lines."),
    )  # fmt: skip
    opens_at = forms.DateTimeField(label=gettext_lazy("From"), required=False, widget=_moment())
    due_at = forms.DateTimeField(label=gettext_lazy("Until"), required=False, widget=_moment())

    def __init__(self, *args: Any, assigned: Collection[UUID] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known_cohorts = services.people().cohorts()
        self.fields["cohorts"].choices = [  # type: ignore[attr-defined]
            (str(cohort.id), self._label(cohort.name, cohort.size, cohort.id in assigned))
            for cohort in self.known_cohorts
        ]
        if any(cohort.id in assigned for cohort in self.known_cohorts):
            self.fields["cohorts"].help_text = _(
                "Assigning again changes the dates; only newcomers get a message."
            )

    @staticmethod
    def _label(name: str, size: int, assigned: bool) -> str:
        label = f"{name} ({size})"
        if not assigned:
            return label
        return _("%(name)s, already assigned") % {"name": label}

    def clean_people(self) -> list[Any]:
        directory = services.people()
        found, unknown = [], []
        words = self.cleaned_data["people"].replace(",", " ").replace(";", " ").split()
        for email in dict.fromkeys(word.casefold() for word in words[:500]):
            match = next(
                (p for p in directory.search(email, limit=5) if p.email.casefold() == email), None
            )
            if match:
                found.append(match.id)
            else:
                unknown.append(email)
        if unknown:
            raise forms.ValidationError(
                _("Nobody here has this address: %(emails)s.") % {"emails": ", ".join(unknown[:10])}
            )
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not data.get("cohorts") and not data.get("people"):
            raise forms.ValidationError(_("Choose at least one group or one person."))
        opens, due = data.get("opens_at"), data.get("due_at")
        if opens and due and opens >= due:
            self.add_error("due_at", _("The end must come after the beginning."))
        return data
