"""The Django application of the quiz module."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class QuizConfig(AppConfig):
    name = "plugins.quiz"
    label = "quiz"
    verbose_name = _("Quiz")
