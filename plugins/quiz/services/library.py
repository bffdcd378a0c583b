"""Installs a pack of the library into the bank of the space."""

from __future__ import annotations

from django.db import transaction

from plugins.quiz.internal.packs import Pack, packs
from plugins.quiz.models import Question, Quiz
from plugins.quiz.services import authoring
from tremplin.api import TenantContext

SOURCE = "pack:"


def install(ctx: TenantContext, pack: Pack) -> tuple[Quiz, bool]:
    """Install ``pack`` and return its published quiz, and whether anything was new.

    Installing again changes nothing: what the space edited since stays as it is.
    """
    with transaction.atomic():
        quiz, created = Quiz.objects.get_or_create(
            source_id=f"{SOURCE}{pack.key}",
            defaults={
                "title": pack.quiz.title,
                "description": pack.quiz.description,
                "language": pack.language,
                "minutes": pack.quiz.minutes,
                "pass_percent": pack.quiz.pass_percent,
                "shuffle_answers": True,
                "state": Quiz.State.PUBLISHED,
                "created_by": ctx.person.id if ctx.person else None,
            },
        )
        if not created:
            return quiz, False
        category = authoring.ensure_category(pack.category)
        section = authoring.create_section(quiz)
        known = {
            question.source_id: question
            for question in Question.objects.filter(source_id__startswith=f"pack:{pack.key}:")
        }
        questions = [
            known.get(source_id)
            or authoring.create_question(ctx, wording, category=category, source_id=source_id)
            for source_id, wording in pack.wordings()
        ]
        authoring.choose_questions(section, questions)
    return quiz, True


def installed_keys() -> list[str]:
    """Return the keys of the shipped packs that this space installed, in alphabetical order."""
    sources = Quiz.objects.filter(source_id__startswith=SOURCE).values_list("source_id", flat=True)
    return sorted({source.removeprefix(SOURCE) for source in sources} & set(packs()))


def install_all(ctx: TenantContext, keys: tuple[str, ...]) -> None:
    """Install the shipped packs among ``keys``; unknown ones are left out."""
    shipped = packs()
    for key in keys:
        if key in shipped:
            install(ctx, shipped[key])
