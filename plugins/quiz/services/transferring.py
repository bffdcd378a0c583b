"""Importing a previewed file into the bank and exporting questions to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from pydantic import ValidationError

from plugins.quiz.internal import exchange
from plugins.quiz.internal.interchange import canonical, wire, write
from plugins.quiz.internal.interchange import model as theirs
from plugins.quiz.internal.interchange.collect import Refused
from plugins.quiz.models import Category, ImportBatch, Question, QuestionVersion
from plugins.quiz.services import authoring
from tremplin.api import Problem, TenantContext, services

KEEP_PREVIEW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """What an import did."""

    created: int
    revised: int
    unchanged: int
    refused: int


def open_batch(ctx: TenantContext, name: str, data: bytes, fmt: str) -> ImportBatch:
    """Parse an upload and keep the result for its preview; previews live one day."""
    result = exchange.read_upload(name, data, fmt)
    now = ctx.now()
    ImportBatch.objects.filter(imported_at=None, created_at__lt=now - KEEP_PREVIEW).delete()
    return ImportBatch.objects.create(
        name=name[:200],
        format=result.format,
        result=wire.result_to_dict(result),
        created_by=ctx.person.id if ctx.person else None,
        created_at=now,
    )


def import_batch(ctx: TenantContext, batch: ImportBatch, category: Category | None) -> ImportCounts:
    """Write the questions of a preview into the bank, once.

    A question known by its source id gets a new version when it changed. ``category`` overrides the
    categories of the file. Raises ``Problem`` 409 ``already_imported``.
    """
    owner = ctx.person.id if ctx.person else None
    created = revised = unchanged = refused = 0

    def save(file: theirs.MediaFile) -> str:
        stored = services.files().save(
            file.name, file.data, mime=file.mime, owner=owner, purpose="quiz.question"
        )
        return str(stored.id)

    with transaction.atomic():
        locked = ImportBatch.objects.select_for_update().get(pk=batch.pk)
        if locked.imported_at is not None:
            raise Problem(409, "already_imported", _("This file is already imported."))
        result = wire.result_from_dict(locked.result)
        known = known_questions(result.questions)
        for question in result.questions:
            shelf = category or authoring.ensure_category(question.category)
            existing = known.get(exchange.source_id(question))
            try:
                if existing is None:
                    wording = exchange.to_wording(question, save)
                    key = exchange.source_id(question)
                    known[key] = authoring.create_question(
                        ctx, wording, category=shelf, source_id=key
                    )
                    created += 1
                elif same_wording(existing.current, question):
                    unchanged += 1
                else:
                    wording = exchange.to_wording(question, save)
                    authoring.revise_question(ctx, existing, wording, category=shelf)
                    revised += 1
            except ValidationError:
                refused += 1
        locked.imported_at = ctx.now()
        locked.result = {}
        locked.save(update_fields=["imported_at", "result"])
    services.audit().record(
        "quiz.questions_imported",
        target=f"quiz.import:{batch.pk}",
        data={"format": batch.format, "created": created, "revised": revised},
    )
    return ImportCounts(created, revised, unchanged, refused)


def known_questions(questions: Sequence[theirs.Question]) -> dict[str, Question]:
    """Return the questions of the bank that the file's questions already are, by source id."""
    keys = [exchange.source_id(question) for question in questions]
    found = {
        question.source_id: question
        for question in Question.objects.filter(source_id__in=keys).select_related("current")
    }
    # A file exported from here names our own ids.
    own = {
        pk: f"import:id:{question.source_id}"
        for question in questions
        if (pk := authoring.is_uuid(question.source_id)) is not None
    }
    for question in Question.objects.filter(pk__in=own).select_related("current"):
        found.setdefault(own[question.pk], question)
    return found


def same_wording(version: QuestionVersion | None, question: theirs.Question) -> bool:
    """Tell whether importing ``question`` would change nothing in ``version``."""
    if version is None:
        return False
    fresh = exchange.to_wording(question, lambda file: file.name)
    load = exchange.file_loader([version])
    stored = {name: load(file) for name, file in version.media.items()}
    given = {file.name: (file.mime, file.data) for file in question.media}
    kept = exchange.to_content(question)
    ours = version.typed
    own_settings = {
        name: getattr(ours, name)
        for name in ("all_or_nothing", "fold_accents", "rule", "max_words")
        if hasattr(ours, name) and ours.kind == kept.kind
    }
    return (
        version.stem == fresh.stem
        and _unkeyed(ours) == _unkeyed(kept.model_copy(update=own_settings))
        and version.title == fresh.title
        and version.feedback == fresh.feedback
        and tuple(version.skills) == fresh.skills
        and tuple(version.tags) == fresh.tags
        and (question.difficulty is None or version.difficulty == fresh.difficulty)
        and (not version.scored or version.points == fresh.points)
        and set(stored) == set(given)
        and all(stored[name] is not None and stored[name][1] == given[name][1] for name in given)  # type: ignore[index]
    )


def _unkeyed(content: object) -> object:
    """Return content without its internal keys, which a file does not carry."""
    from plugins.quiz.internal.content import dump_content

    def strip(value: object) -> object:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key != "key"}
        return [strip(item) for item in value] if isinstance(value, list) else value

    return strip(dump_content(content))  # type: ignore[arg-type]


def export_questions(
    questions: Sequence[Question], fmt: str
) -> tuple[theirs.ExportResult, list[tuple[str, str]]]:
    """Write questions to a file; also return (question, reason) for what it does not carry."""
    from plugins.quiz.selectors import category_paths

    versions = [question.current for question in questions if question.current]
    paths = {pk: path.replace(" / ", "/") for pk, path in category_paths()}
    load = exchange.file_loader(versions)
    items, lost = [], []
    for version in versions:
        category = paths.get(version.question.category_id, "")
        try:
            item, issues = canonical(exchange.from_version(version, category=category, load=load))
        except Refused as refusal:
            lost.append((str(version), str(refusal)))
            continue
        items.append(item)
        lost.extend((str(version), exchange.issue_texts(issue)[0]) for issue in issues)
        if setting := exchange.not_carried(version.typed):
            lost.append(
                (str(version), _("This setting is not in the file: %(name)s") % {"name": setting})
            )
    result = write(fmt, items)
    lost.extend((issue.title, exchange.issue_texts(issue)[0]) for issue in result.issues)
    return result, lost
