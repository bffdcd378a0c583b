"""The answers of a question, between the rows of its editor and its typed content."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from plugins.quiz.internal import marking
from plugins.quiz.internal.content import even_weights
from plugins.quiz.internal.interchange import markup
from plugins.quiz.internal.question_forms import to_html, to_source
from plugins.quiz.internal.rendering import number_text
from plugins.quiz.models import QuestionVersion

if TYPE_CHECKING:
    from plugins.quiz.internal.question_editor import Editor


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


def content_of(editor: Editor) -> tuple[dict[str, Any], str]:
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


def initial_of(
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
