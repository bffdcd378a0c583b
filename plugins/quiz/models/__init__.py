"""What the quiz module stores: the bank, quizzes, assignments, attempts and their statistics.

People and cohorts are kept as bare identifiers: the module reads them through the ``people``
service, and erasing a person only has to blank an identifier.
"""

from __future__ import annotations

from plugins.quiz.models.attempts import Answer, Attempt, ItemStat, Mark
from plugins.quiz.models.bank import Category, ImportBatch, Kind, Question, QuestionVersion
from plugins.quiz.models.quizzes import Assignment, Quiz, Section, SectionQuestion

__all__ = [
    "Answer",
    "Assignment",
    "Attempt",
    "Category",
    "ImportBatch",
    "ItemStat",
    "Kind",
    "Mark",
    "Question",
    "QuestionVersion",
    "Quiz",
    "Section",
    "SectionQuestion",
]
