"""Gathers the questions and issues of one file; the only way a question enters a result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import limits
from .messages import MESSAGES
from .model import ImportResult, Issue, Question, Severity


class Refused(Exception):
    """A file, or one question of it, cannot be used; carries the code and parameters of the issue."""

    def __init__(self, code: str, *, line: int | None = None, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.line = line
        self.params = {name: str(value) for name, value in params.items()}


def make_issue(
    severity: Severity,
    code: str,
    params: dict[str, Any] | None = None,
    *,
    line: int | None = None,
    item: str = "",
    title: str = "",
    rejects_question: bool = False,
) -> Issue:
    """Build an issue from the catalogue of ``messages``; long parameters are cut to 200 characters."""
    message = MESSAGES[code]
    texts = {name: _short(str(value)) for name, value in (params or {}).items()}
    return Issue(
        severity,
        code,
        message.text,
        message.advice,
        texts,
        line,
        item,
        _short(title),
        rejects_question,
    )


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"


@dataclass(slots=True)
class Collector:
    """Collects while a reader walks through a file. ``item`` is the file of a package being read."""

    format: str
    encoding: str = ""
    repairs: tuple[str, ...] = ()
    item: str = ""
    questions: list[Question] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    _settings: dict[str, None] = field(default_factory=dict)
    _media_bytes: int = 0
    _overflow: bool = False
    _rejected: int = 0

    def note(
        self,
        severity: Severity,
        code: str,
        *,
        line: int | None = None,
        title: str = "",
        item: str | None = None,
        **params: object,
    ) -> None:
        """Add an issue that rejects no question."""
        place = self.item if item is None else item
        self._append(make_issue(severity, code, params, line=line, item=place, title=title))

    def info(self, code: str, **where: Any) -> None:
        """Add an issue of severity info."""
        self.note(Severity.INFO, code, **where)

    def warn(self, code: str, **where: Any) -> None:
        """Add an issue of severity warning."""
        self.note(Severity.WARNING, code, **where)

    def fail(self, code: str, **where: Any) -> None:
        """Add an error about the file, not about one question."""
        self.note(Severity.ERROR, code, **where)

    def reject(
        self,
        code: str,
        *,
        line: int | None = None,
        title: str = "",
        item: str | None = None,
        **params: object,
    ) -> None:
        """Add the one error of a question that is present but not imported.

        Raises ``Refused`` beyond the limit of rejections: such a file is no question file.
        """
        self.reject_refused(Refused(code, **params), line=line, title=title, item=item)

    def reject_refused(
        self, refused: Refused, *, line: int | None, title: str = "", item: str | None = None
    ) -> None:
        """Reject the question for the reason of ``refused``."""
        place = self.item if item is None else item
        self._rejected += 1
        if self._rejected > limits.MAX_REJECTED:
            raise Refused("too_many_issues")
        self._append(
            make_issue(
                Severity.ERROR,
                refused.code,
                dict(refused.params),
                line=refused.line or line,
                item=place,
                title=title,
                rejects_question=True,
            )
        )

    def setting_ignored(self, name: str) -> None:
        """Remember a setting without equivalent; all of them make one issue at the end."""
        self._settings[name] = None

    def add(
        self,
        question: Question,
        *,
        line: int | None = None,
        resolve: Any = None,
        item: str | None = None,
    ) -> None:
        """Clean and check a raw question, then keep it or reject it with one error."""
        from .finish import finish

        place = self.item if item is None else item
        if len(self.questions) >= limits.MAX_QUESTIONS:
            self.reject(
                "too_many_questions",
                line=line,
                title=question.title,
                item=place,
                limit=limits.MAX_QUESTIONS,
            )
            return
        notes: list[tuple[Severity, str, dict[str, Any]]] = []
        try:
            kept = finish(question, resolve, notes)
            size = self._media_bytes + sum(len(m.data) for m in kept.media)
            if size > limits.MAX_MEDIA_TOTAL_BYTES:
                raise Refused("text_too_long")
        except Refused as refused:
            self.reject_refused(refused, line=line, title=question.title, item=place)
            return
        self._media_bytes = size
        self.questions.append(kept)
        for severity, code, params in notes:
            self.note(severity, code, line=line, title=kept.title, item=place, **params)

    def _append(self, issue: Issue) -> None:
        # Rejections are always kept: they are what makes the count of questions add up.
        if issue.rejects_question or len(self.issues) < limits.MAX_ISSUES:
            self.issues.append(issue)
        elif not self._overflow:
            self._overflow = True
            self.issues.append(make_issue(Severity.WARNING, "too_many_issues"))

    def result(self) -> ImportResult:
        """The finished result, with an issue for an empty file and one for the ignored settings."""
        if self._settings:
            self.info("settings_not_kept", item="", names=", ".join(self._settings))
        if not self.questions and not any(i.severity is Severity.ERROR for i in self.issues):
            self.info("no_questions", item="")
        return ImportResult(
            tuple(self.questions), tuple(self.issues), self.format, self.encoding, self.repairs
        )
