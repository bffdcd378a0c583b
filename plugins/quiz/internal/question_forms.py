"""Forms of the question editor: the common part, one row form per kind, and their translation
to and from a ``Wording``. Adding rows works by posting, so the editor needs no script."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from pydantic import ValidationError as ContentError

from plugins.quiz import selectors
from plugins.quiz.internal import marking
from plugins.quiz.internal.content import Content, even_weights, parse_content
from plugins.quiz.internal.interchange import markup, media
from plugins.quiz.internal.rendering import number_text
from plugins.quiz.models import Category, QuestionVersion
from plugins.quiz.services.authoring import Wording, slug_list
from tremplin.api import services

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


class Editor:
    """The three forms of one question, bound or not, and their translation to a ``Wording``."""

    def __init__(
        self,
        kind: str,
        *,
        data: Any = None,
        files: Any = None,
        version: QuestionVersion | None = None,
    ) -> None:
        self.kind, self.version = kind, version
        common, options, rows = _initial(version) if version else ({}, {}, [])
        extra_row = data is not None and data.get("action") == "add_row"
        if extra_row:
            data = data.copy()
            total = min(int(data.get("rows-TOTAL_FORMS") or 0) + 1, MAX_ROWS)
            data["rows-TOTAL_FORMS"] = str(total)
        self.only_more_rows = extra_row
        self.form = QuestionForm(data, files, initial=common)
        option_class = OPTIONS.get(kind)
        self.options = (
            option_class(data, initial=options, prefix="options") if option_class else None
        )
        self.rows: BaseFormSet | None = None
        if kind in ROWS:
            blank = BLANK_ROWS[kind] if version is None else 1
            factory = formset_factory(
                ROWS[kind],
                extra=blank,
                max_num=MAX_ROWS,
                absolute_max=MAX_ROWS,
                can_delete=True,
                can_order=kind == "order",
            )
            self.rows = factory(data, initial=rows, prefix="rows")
        self.content: Content | None = None
        self.row_errors: list[str] = []

    def is_valid(self) -> bool:
        """Validate the three forms and the content they make together."""
        valid = self.form.is_valid()
        valid = (self.options is None or self.options.is_valid()) and valid
        valid = (self.rows is None or self.rows.is_valid()) and valid
        if not valid:
            return False
        data, problem = _content(self)
        if problem:
            self.row_errors.append(problem)
            return False
        try:
            self.content = parse_content(data)
        except ContentError:
            self.row_errors.append(_("The answers are not complete: check each row."))
            return False
        return True

    def wording(self, owner: Any) -> Wording:
        """Return the wording, after storing a new image. Call it on a valid editor only."""
        assert self.content is not None  # noqa: S101  is_valid ran
        data = self.form.cleaned_data
        stem, images = data["stem"], dict(self.version.media) if self.version else {}
        if data["image"]:
            name, mime, content = data["image"]
            while name in images:
                name = f"1-{name}"
            stored = services.files().save(
                name, content, mime=mime, owner=owner, purpose="quiz.question"
            )
            images[name] = str(stored.id)
            alt = markup.plain(data["image_alt"]).replace('"', "'")
            stem += f'<p><img src="media:{name}" alt="{markup.from_plain(alt)}"></p>'
        return Wording(
            stem=stem,
            content=self.content,
            title=data["title"].strip(),
            feedback=to_html(data["feedback"]),
            skills=slug_list(data["skills"].split(",")),
            tags=slug_list(data["tags"].split(",")),
            difficulty=data["difficulty"],
            points=data["points"],
            media=images,
        )

    def category(self) -> Category | None:
        """Return the chosen category, creating the one that was typed."""
        from plugins.quiz.services.authoring import ensure_category

        data = self.form.cleaned_data
        if data["new_category"].strip():
            parent = (
                dict(selectors.category_paths()).get(data["category"].pk)
                if data["category"]
                else ""
            )
            path = data["new_category"]
            if parent:
                path = f"{parent.replace(' / ', '/')}/{path}"
            return ensure_category(path)
        return data["category"]


def _filled(editor: Editor, name: str) -> list[dict[str, Any]]:
    """Return the rows that hold something, in the order the author gave."""
    assert editor.rows is not None  # noqa: S101  only kinds with rows
    rows = []
    for index, form in enumerate(editor.rows.forms):
        data = form.cleaned_data
        if not data or data.get("DELETE") or data.get(name) in (None, ""):
            continue
        rows.append((data.get("ORDER") or index + 1, index, data))
    return [data for _place, _index, data in sorted(rows, key=lambda row: row[:2])]


def _keys(rows: list[dict[str, Any]]) -> list[str]:
    """Return a distinct key per row; a key that a row already had stays."""
    used = {row["key"] for row in rows if row["key"].isalnum() and row["key"].islower()}
    fresh = (f"k{n}" for n in range(1, 1000) if f"k{n}" not in used)
    keys: list[str] = []
    for row in rows:
        key = row["key"]
        keys.append(key if key in used and key not in keys else next(fresh))
    return keys


def _content(editor: Editor) -> tuple[dict[str, Any], str]:
    """Return the content as data, and what is wrong with the answers (empty when nothing is)."""
    common = editor.form.cleaned_data
    options = editor.options.cleaned_data if editor.options else {}
    base = {
        "kind": editor.kind,
        "correct_feedback_html": to_html(common["correct_feedback"]),
        "partial_feedback_html": to_html(common["partial_feedback"]),
        "incorrect_feedback_html": to_html(common["incorrect_feedback"]),
        "hints": editor.version.content.get("hints", []) if editor.version else [],
    }
    build = {
        "single": _choices,
        "multiple": _choices,
        "truefalse": _truefalse,
        "numeric": _numeric,
        "short": _short,
        "order": _order,
        "match": _match,
        "essay": _essay,
    }.get(editor.kind)
    if build is None:
        return base, ""
    values, problem = build(editor, options)
    return base | values, problem


def _choices(editor: Editor, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    rows = _filled(editor, "text")
    single = editor.kind == "single"
    right = [row["right"] for row in rows]
    if len(rows) < 2:
        return {}, _("Type at least two choices.")
    if not any(right):
        return {}, _("Mark the right choice.") if single else _("Mark at least one right choice.")
    if single and sum(right) > 1:
        return {}, _("Only one choice can be right here; use multiple choice for several.")
    automatic = [Decimal(100 if r else 0) for r in right] if single else even_weights(right)
    weights = [
        auto if row["weight"] is None else row["weight"]
        for row, auto in zip(rows, automatic, strict=True)
    ]
    positive = sum((w for w in weights if w > 0), Decimal(0))
    if single and not any(weight == 100 for weight in weights):
        return {}, _("The right choice must weigh 100 %.")
    if not single and not options["all_or_nothing"] and abs(positive - 100) > marking.WEIGHT_SLACK:
        return {}, _("The weights of the right choices add up to %(sum)s %%: make it 100 %%.") % {
            "sum": number_text(positive)
        }
    choices = [
        {"key": key, "text_html": to_html(row["text"]), "weight": weight,
         "feedback_html": to_html(row["feedback"])}
        for key, row, weight in zip(_keys(rows), rows, weights, strict=True)
    ]  # fmt: skip
    return {"choices": choices, **options}, ""


def _truefalse(editor: Editor, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    return {
        "correct": options["correct"] == "true",
        "true_feedback_html": to_html(options["true_feedback"]),
        "false_feedback_html": to_html(options["false_feedback"]),
    }, ""


def _numeric(editor: Editor, _options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    rows = _filled(editor, "value")
    answers = [
        {"value": row["value"], "tolerance": row["tolerance"] or Decimal(0),
         "weight": Decimal(100) if row["weight"] is None else row["weight"],
         "feedback_html": to_html(row["feedback"])}
        for row in rows
    ]  # fmt: skip
    if not any(answer["weight"] == 100 for answer in answers):
        return {}, _("Give one accepted number that weighs 100 %.")
    if editor.version is not None:
        # The catch-all answer of an imported question has no row of its own.
        kept = [a for a in editor.version.content["answers"] if a["value"] is None]
        answers.extend(kept)
    return {"answers": answers}, ""


def _short(editor: Editor, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    answers = [
        {"text": markup.plain(row["text"]), "wildcards": row["wildcards"],
         "weight": Decimal(100) if row["weight"] is None else row["weight"],
         "feedback_html": to_html(row["feedback"])}
        for row in _filled(editor, "text")
    ]  # fmt: skip
    if not any(answer["weight"] == 100 for answer in answers):
        return {}, _("Give one accepted text that weighs 100 %.")
    return {"answers": answers, **options}, ""


def _order(editor: Editor, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    rows = _filled(editor, "text")
    if len(rows) < 2:
        return {}, _("Type at least two items, in the right order.")
    items = [
        {"key": key, "text_html": to_html(row["text"])}
        for key, row in zip(_keys(rows), rows, strict=True)
    ]
    return {"items": items, **options}, ""


def _match(editor: Editor, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    rows = _filled(editor, "left")
    if len(rows) < 2 or any(not row["right"].strip() for row in rows):
        return {}, _("Type at least two pairs, both sides filled in.")
    keys = _keys(rows)
    pairs = [
        {"key": key, "left_html": to_html(row["left"]), "right": markup.plain(row["right"])}
        for key, row in zip(keys, rows, strict=True)
    ]
    known = {pair["right"] for pair in pairs}
    extra = dict.fromkeys(markup.plain(line) for line in options["distractors"].splitlines())
    wrong = [text for text in extra if text and text not in known]
    distractors = [{"key": f"d{n}", "text": text} for n, text in enumerate(wrong)]
    return {"pairs": pairs, "distractors": distractors, "shuffle": options["shuffle"]}, ""


def _essay(editor: Editor, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    return {
        "max_words": options["max_words"],
        "grader_info_html": to_html(options["guidance"]),
        "template_html": to_html(options["template"]),
    }, ""


def _initial(
    version: QuestionVersion,
) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """Return the initial values of the three forms for an existing version."""
    content = version.typed
    common = {
        "stem": to_source(version.stem),
        "title": version.title,
        "category": version.question.category_id,
        "skills": ", ".join(version.skills),
        "tags": ", ".join(version.tags),
        "difficulty": version.difficulty,
        "points": version.points,
        "feedback": to_source(version.feedback),
        "correct_feedback": to_source(content.correct_feedback_html),
        "partial_feedback": to_source(content.partial_feedback_html),
        "incorrect_feedback": to_source(content.incorrect_feedback_html),
    }
    data: dict[str, Any] = version.content
    rows: list[dict[str, Any]] = []
    if version.kind in {"single", "multiple"}:
        rows = _choice_rows(version.kind, content)
    elif version.kind == "numeric":
        rows = [
            {"value": a.value, "tolerance": a.tolerance or None, "weight": _shown(a.weight),
             "feedback": to_source(a.feedback_html)}
            for a in content.answers if a.value is not None  # type: ignore[union-attr]
        ]  # fmt: skip
    elif version.kind == "short":
        rows = [
            {"text": a.text, "wildcards": a.wildcards, "weight": _shown(a.weight),
             "feedback": to_source(a.feedback_html)}
            for a in content.answers  # type: ignore[union-attr]
        ]  # fmt: skip
    elif version.kind == "order":
        rows = [{"key": i.key, "text": to_source(i.text_html)} for i in content.items]  # type: ignore[union-attr]
    elif version.kind == "match":
        rows = [
            {"key": p.key, "left": to_source(p.left_html), "right": p.right}
            for p in content.pairs  # type: ignore[union-attr]
        ]
    options = {
        "correct": "true" if data.get("correct") else "false",
        "true_feedback": to_source(data.get("true_feedback_html", "")),
        "false_feedback": to_source(data.get("false_feedback_html", "")),
        "shuffle": data.get("shuffle", True),
        "all_or_nothing": data.get("all_or_nothing", False),
        "case_sensitive": data.get("case_sensitive", False),
        "fold_accents": data.get("fold_accents", False),
        "rule": data.get("rule", "position"),
        "distractors": "\n".join(row["text"] for row in data.get("distractors", [])),
        "max_words": data.get("max_words", 0),
        "guidance": to_source(data.get("grader_info_html", "")),
        "template": to_source(data.get("template_html", "")),
    }
    return common, options, rows


def _shown(weight: Decimal) -> Decimal | None:
    return None if weight == 100 else weight


def _choice_rows(kind: str, content: Any) -> list[dict[str, Any]]:
    right = [choice.weight > 0 for choice in content.choices]
    if kind == "single":
        right = [choice.weight == 100 for choice in content.choices]
        automatic = [Decimal(100 if r else 0) for r in right]
    else:
        automatic = even_weights(right)
    same = [c.weight for c in content.choices] == automatic
    return [
        {"key": c.key, "text": to_source(c.text_html), "right": r,
         "weight": None if same else c.weight, "feedback": to_source(c.feedback_html)}
        for c, r in zip(content.choices, right, strict=True)
    ]  # fmt: skip
