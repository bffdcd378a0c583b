"""The editor of a question: its forms, bound or not, and the wording that they make together."""

from __future__ import annotations

from typing import Any

from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext as _
from pydantic import ValidationError as ContentError

from plugins.quiz import selectors
from plugins.quiz.internal.content import Content, parse_content
from plugins.quiz.internal.interchange import markup
from plugins.quiz.internal.question_answers import content_of, initial_of
from plugins.quiz.internal.question_forms import (
    BLANK_ROWS,
    MAX_ROWS,
    OPTIONS,
    ROWS,
    QuestionForm,
    to_html,
)
from plugins.quiz.models import Category, QuestionVersion
from plugins.quiz.services.authoring import Wording, slug_list
from tremplin.api import services


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
        common, options, rows = initial_of(version) if version else ({}, {}, [])
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
        data, problem = content_of(self)
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
