"""Canonical form of a question that was not read from a file, such as one edited on a page."""

from __future__ import annotations

from .collect import make_issue
from .finish import Notes, finish
from .model import Issue, Question


def canonical(question: Question) -> tuple[Question, tuple[Issue, ...]]:
    """``question`` cleaned and checked, and what was lost; raises ``collect.Refused`` when unusable."""
    notes: Notes = []
    done = finish(question, None, notes)
    return done, tuple(
        make_issue(severity, code, params, title=done.title) for severity, code, params in notes
    )
