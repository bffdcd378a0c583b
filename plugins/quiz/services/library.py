"""Installs a pack of the library into the bank of the space."""

from __future__ import annotations

from django.db import transaction

from plugins.quiz.internal.packs import Pack
from plugins.quiz.models import Question, Quiz
from plugins.quiz.services import authoring
from tremplin.api import TenantContext


def install(ctx: TenantContext, pack: Pack) -> tuple[Quiz, bool]:
    """Install ``pack`` and return its published quiz, and whether anything was new.

    Installing again changes nothing: what the space edited since stays as it is.
    """
    with transaction.atomic():
        quiz, created = Quiz.objects.get_or_create(
            source_id=f"pack:{pack.key}",
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
