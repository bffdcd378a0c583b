"""Addresses of the quiz module: learners under ``/app/quiz/``, staff under ``/console/quiz/``."""

from __future__ import annotations

from django.urls import path

from plugins.quiz.views import (
    bank,
    composing,
    fragments,
    library,
    marking,
    results,
    taking,
    transfer,
)

urlpatterns = [
    path("", taking.home, name="home"),
    path("<uuid:quiz>/", taking.intro, name="intro"),
    path("attempt/<uuid:attempt>", taking.attempt_page, name="attempt"),
    path("attempt/<uuid:attempt>/", taking.attempt_page, name="attempt_slash"),
    path("attempt/<uuid:attempt>/save/", taking.save, name="save"),
    path("attempt/<uuid:attempt>/answer/", taking.answer, name="answer"),
    path("attempt/<uuid:attempt>/confirm/", taking.confirm, name="confirm"),
    path("attempt/<uuid:attempt>/submit/", taking.submit, name="submit"),
    path("attempt/<uuid:attempt>/result/", taking.result, name="result"),
    path("widget/progress/", fragments.progress, name="widget_progress"),
    path("widget/person/<uuid:person>/", fragments.person, name="widget_person"),
]

console_urlpatterns = [
    path("", composing.index, name="quizzes"),
    path("new/", composing.create, name="create"),
    path("<uuid:quiz>/", composing.edit, name="edit"),
    path("<uuid:quiz>/settings/", composing.rules, name="rules"),
    path("<uuid:quiz>/state/", composing.state, name="state"),
    path("<uuid:quiz>/preview/", composing.preview, name="preview"),
    path("<uuid:quiz>/sections/", composing.add_section, name="add_section"),
    path("<uuid:quiz>/sections/<uuid:section>/", composing.section, name="section"),
    path(
        "<uuid:quiz>/sections/<uuid:section>/move/", composing.section_action, name="section_action"
    ),
    path("<uuid:quiz>/assign/", composing.assign, name="assign"),
    path("<uuid:quiz>/attempts/", results.attempts, name="attempts"),
    path("<uuid:quiz>/attempts.<str:form>", results.export, name="attempts_export"),
    path("<uuid:quiz>/statistics/", results.statistics, name="statistics"),
    path("attempts/<uuid:attempt>/", results.attempt, name="attempt"),
    path("bank/", bank.index, name="bank"),
    path("bank/new/<str:kind>/", bank.create, name="question_new"),
    path("bank/<uuid:question>/", bank.edit, name="question"),
    path("bank/<uuid:question>/preview/", bank.preview, name="question_preview"),
    path("bank/<uuid:question>/versions/", bank.versions, name="question_versions"),
    path("bank/<uuid:question>/archive/", bank.archive, name="question_archive"),
    path("marking/", marking.queue, name="marking"),
    path("marking/<uuid:answer>/", marking.mark, name="mark"),
    path("import/", transfer.upload, name="import"),
    path("import/<uuid:batch>/", transfer.preview, name="import_preview"),
    path("export/", transfer.export, name="export"),
    path("library/", library.index, name="library"),
    path("library/<slug:pack>/install/", library.install, name="library_install"),
    path("widget/activity/", fragments.activity, name="widget_activity"),
]
