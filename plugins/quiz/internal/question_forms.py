"""Forms of the question editor: the common part, one row form per kind, and their translation
to and from a ``Wording``. Adding rows works by posting, so the editor needs no script."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from plugins.quiz import selectors
from plugins.quiz.internal import marking
from plugins.quiz.internal.interchange import markup, media
from plugins.quiz.internal.rendering import number_text
from plugins.quiz.models import Category

MAX_ROWS = 50
ROW_KINDS = frozenset({"single", "multiple", "numeric", "short", "order", "match"})


def to_html(text: str) -> str:
    """Return what an author typed as cleaned HTML; text without tags keeps its lines."""
    text = text.replace("\r\n", "\n").strip()
    return markup.clean(text if markup.has_markup(text) else markup.from_plain(text))


def to_source(html: str) -> str:
    """Return cleaned HTML as an author edits it: plain lines when it holds nothing else."""
    plain = html.replace("<br>", "\n")
    if markup.has_markup(plain):
        return html
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


class NumberField(forms.CharField):
    """A decimal typed with a comma or a point."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        number = marking.parse_number(text)
        if number is None:
            raise forms.ValidationError(_("Type a number, such as 12 or 3,5."))
        return number

    def prepare_value(self, value: Any) -> Any:
        return number_text(value) if isinstance(value, Decimal) else value


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class QuestionForm(forms.Form):
    """What every kind of question has."""

    stem = forms.CharField(
        label=gettext_lazy("Question"), widget=_area(4), max_length=50_000,
        help_text=gettext_lazy("Plain text, or simple HTML (bold, lists, tables)."),
    )  # fmt: skip
    title = forms.CharField(
        label=gettext_lazy("Short name"), required=False, max_length=250,
        help_text=gettext_lazy("Helps you find the question; learners do not see it."),
    )  # fmt: skip
    category = forms.ModelChoiceField(
        Category.objects.none(),
        label=gettext_lazy("Category"),
        required=False,
        empty_label=gettext_lazy("No category"),
    )
    new_category = forms.CharField(
        label=gettext_lazy("New category"), required=False, max_length=200,
        help_text=gettext_lazy("Use / for a sub-category."),
    )  # fmt: skip
    skills = forms.CharField(
        label=gettext_lazy("Skills"), required=False, max_length=800,
        help_text=gettext_lazy("Separate with commas. Results are shown by skill."),
    )  # fmt: skip
    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        max_length=800,
        help_text=gettext_lazy("Separate with commas."),
    )
    difficulty = forms.TypedChoiceField(
        label=gettext_lazy("Difficulty"), coerce=int, initial=2,
        choices=[(1, gettext_lazy("1, very easy")), (2, gettext_lazy("2, easy")), (3, gettext_lazy("3, medium")),
                 (4, gettext_lazy("4, hard")), (5, gettext_lazy("5, very hard"))],
    )  # fmt: skip
    points = NumberField(label=gettext_lazy("Points"), initial=Decimal(1))
    feedback = forms.CharField(
        label=gettext_lazy("General feedback"), required=False, widget=_area(2), max_length=20_000,
        help_text=gettext_lazy("Shown with the correction, whatever the answer."),
    )  # fmt: skip
    correct_feedback = forms.CharField(
        label=gettext_lazy("Feedback for a right answer"),
        required=False,
        widget=_area(2),
        max_length=20_000,
    )
    partial_feedback = forms.CharField(
        label=gettext_lazy("Feedback for a partly right answer"),
        required=False,
        widget=_area(2),
        max_length=20_000,
    )
    incorrect_feedback = forms.CharField(
        label=gettext_lazy("Feedback for a wrong answer"),
        required=False,
        widget=_area(2),
        max_length=20_000,
    )
    image = forms.FileField(
        label=gettext_lazy("Add an image"), required=False,
        help_text=gettext_lazy("PNG, JPEG, GIF or WebP, 5 MB at most. It is added under the question."),
    )  # fmt: skip
    image_alt = forms.CharField(
        label=gettext_lazy("Description of the image"), required=False, max_length=300,
        help_text=gettext_lazy("Read aloud to people who do not see the image."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        category = self.fields["category"]
        category.queryset = Category.objects.all()  # type: ignore[attr-defined]
        category.choices = [("", _("No category")), *selectors.category_paths()]  # type: ignore[attr-defined]

    def clean_points(self) -> Decimal:
        points = self.cleaned_data["points"]
        if not 0 <= points <= 1000 or points != round(points, 2):
            raise forms.ValidationError(_("Give between 0 and 1000 points, two decimals at most."))
        return Decimal(points)

    def clean_stem(self) -> str:
        html = to_html(self.cleaned_data["stem"])
        if not html:
            raise forms.ValidationError(_("Type the text of the question."))
        return html

    def clean_image(self) -> Any:
        upload = self.cleaned_data["image"]
        if upload is None:
            return None
        data = upload.read()
        mime = media.sniff(data)
        if mime is None:
            raise forms.ValidationError(
                _("This file is not a PNG, JPEG, GIF or WebP image of 5 MB at most.")
            )
        return media.safe_name(upload.name, mime), mime, data

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("image") and not data.get("image_alt"):
            self.add_error("image_alt", _("Describe the image for people who do not see it."))
        return data


class ChoiceRow(forms.Form):
    key = forms.CharField(required=False, widget=forms.HiddenInput, max_length=12)
    text = forms.CharField(
        label=gettext_lazy("Choice"), required=False, widget=_area(1), max_length=20_000
    )
    right = forms.BooleanField(label=pgettext_lazy("answer", "Right"), required=False)
    weight = NumberField(label=gettext_lazy("Weight in %"), required=False)
    feedback = forms.CharField(
        label=gettext_lazy("Feedback"), required=False, widget=_area(1), max_length=20_000
    )

    def clean_weight(self) -> Decimal | None:
        return _weight(self.cleaned_data["weight"])


class NumericRow(forms.Form):
    value = NumberField(label=gettext_lazy("Accepted number"), required=False)
    tolerance = NumberField(label=gettext_lazy("Tolerance (±)"), required=False)
    weight = NumberField(label=gettext_lazy("Weight in %"), required=False)
    feedback = forms.CharField(
        label=gettext_lazy("Feedback"), required=False, widget=_area(1), max_length=20_000
    )

    def clean_weight(self) -> Decimal | None:
        return _weight(self.cleaned_data["weight"])

    def clean_tolerance(self) -> Decimal | None:
        tolerance = self.cleaned_data["tolerance"]
        if tolerance is not None and tolerance < 0:
            raise forms.ValidationError(_("A tolerance is not negative."))
        return tolerance


class ShortRow(forms.Form):
    text = forms.CharField(label=gettext_lazy("Accepted text"), required=False, max_length=500)
    wildcards = forms.BooleanField(label=gettext_lazy("* is any text"), required=False)
    weight = NumberField(label=gettext_lazy("Weight in %"), required=False)
    feedback = forms.CharField(
        label=gettext_lazy("Feedback"), required=False, widget=_area(1), max_length=20_000
    )

    def clean_weight(self) -> Decimal | None:
        return _weight(self.cleaned_data["weight"])


class OrderRow(forms.Form):
    key = forms.CharField(required=False, widget=forms.HiddenInput, max_length=12)
    text = forms.CharField(
        label=gettext_lazy("Item"), required=False, widget=_area(1), max_length=20_000
    )


class MatchRow(forms.Form):
    key = forms.CharField(required=False, widget=forms.HiddenInput, max_length=12)
    left = forms.CharField(
        label=gettext_lazy("Left"), required=False, widget=_area(1), max_length=20_000
    )
    right = forms.CharField(label=gettext_lazy("Goes with"), required=False, max_length=500)


def _weight(weight: Decimal | None) -> Decimal | None:
    if weight is not None and not -100 <= weight <= 100:
        raise forms.ValidationError(_("A weight is between -100 and 100."))
    return weight


class TrueFalseOptions(forms.Form):
    correct = forms.ChoiceField(
        label=gettext_lazy("The statement is"), widget=forms.RadioSelect, initial="true",
        choices=[("true", gettext_lazy("True")), ("false", gettext_lazy("False"))],
    )  # fmt: skip
    true_feedback = forms.CharField(
        label=gettext_lazy("Feedback for the answer “true”"),
        required=False,
        widget=_area(2),
        max_length=20_000,
    )
    false_feedback = forms.CharField(
        label=gettext_lazy("Feedback for the answer “false”"),
        required=False,
        widget=_area(2),
        max_length=20_000,
    )


class ChoiceOptions(forms.Form):
    shuffle = forms.BooleanField(
        label=gettext_lazy("Choices may be shuffled"), required=False, initial=True
    )


class MultipleOptions(ChoiceOptions):
    all_or_nothing = forms.BooleanField(
        label=gettext_lazy("All or nothing"), required=False,
        help_text=gettext_lazy("Points only when exactly the right choices are ticked."),
    )  # fmt: skip


class ShortOptions(forms.Form):
    case_sensitive = forms.BooleanField(label=gettext_lazy("Capital letters count"), required=False)
    fold_accents = forms.BooleanField(label=gettext_lazy("Ignore accents"), required=False)


class OrderOptions(forms.Form):
    rule = forms.ChoiceField(
        label=gettext_lazy("Points"), initial="position",
        choices=[
            ("position", gettext_lazy("Share of items at their place")),
            ("adjacent", gettext_lazy("Share of neighbours that follow each other")),
            ("pairs", gettext_lazy("Share of pairs in the right relative order")),
            ("exact", gettext_lazy("All or nothing")),
        ],
    )  # fmt: skip


class MatchOptions(forms.Form):
    shuffle = forms.BooleanField(
        label=gettext_lazy("Answers may be shuffled"), required=False, initial=True
    )
    distractors = forms.CharField(
        label=gettext_lazy("Extra wrong answers"), required=False, widget=_area(3), max_length=5_000,
        help_text=gettext_lazy("One per line."),
    )  # fmt: skip


class EssayOptions(forms.Form):
    max_words = forms.IntegerField(
        label=gettext_lazy("Most words"), min_value=0, max_value=20_000, initial=0,
        help_text=gettext_lazy("0 for no limit."),
    )  # fmt: skip
    guidance = forms.CharField(
        label=gettext_lazy("Guidance for markers"), required=False, widget=_area(4), max_length=20_000,
        help_text=gettext_lazy("Learners never see it."),
    )  # fmt: skip
    template = forms.CharField(
        label=gettext_lazy("Text the answer starts with"),
        required=False,
        widget=_area(3),
        max_length=20_000,
    )


ROWS: dict[str, type[forms.Form]] = {
    "single": ChoiceRow,
    "multiple": ChoiceRow,
    "numeric": NumericRow,
    "short": ShortRow,
    "order": OrderRow,
    "match": MatchRow,
}
OPTIONS: dict[str, type[forms.Form]] = {
    "single": ChoiceOptions,
    "multiple": MultipleOptions,
    "truefalse": TrueFalseOptions,
    "short": ShortOptions,
    "order": OrderOptions,
    "match": MatchOptions,
    "essay": EssayOptions,
}
BLANK_ROWS = {"single": 4, "multiple": 4, "numeric": 1, "short": 1, "order": 4, "match": 4}
