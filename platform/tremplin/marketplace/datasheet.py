"""What a module keeps about people, read from its tables and its declarations, never written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tremplin.api import NoPersonalData
from tremplin.api.manifest import Manifest
from tremplin.kernel import registry

# How modules name the person a row is about or who wrote it: core holds people, modules their ids.
_PEOPLE = frozenset(
    {
        "person", "person_id", "member", "owner", "author", "learner", "candidate", "coach", "user",
        "recipient", "sender", "reporter", "reviewer", "marker", "recruiter", "host",
    }
)  # fmt: skip
_HARMLESS_TEXT = frozenset({"slug", "key", "code", "hash", "sha256", "version", "state", "kind"})


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """One column: its name in words, and what it holds about people, empty for nothing."""

    label: str
    holds: str


@dataclass(frozen=True, slots=True)
class TableUse:
    """One table: what it holds about people; ``holds`` is empty for a table about nobody."""

    name: str
    label: str
    holds: tuple[str, ...]
    columns: tuple[ColumnUse, ...]

    @property
    def is_personal(self) -> bool:
        """Tell whether a row is about a person, or names one."""
        return bool(self.holds)


@dataclass(frozen=True, slots=True)
class ProcessingLine:
    """One line of the processing register, as the module declares it."""

    label: str
    purpose: str
    days: int | None


@dataclass(frozen=True, slots=True)
class DataSheet:
    """The data use of a module in the reader's language."""

    text: str
    ai_text: str
    tables: tuple[TableUse, ...]
    processings: tuple[ProcessingLine, ...]
    nothing_because: str

    @property
    def personal(self) -> tuple[TableUse, ...]:
        """Return the tables that hold something about people."""
        return tuple(table for table in self.tables if table.is_personal)

    @property
    def others(self) -> tuple[TableUse, ...]:
        """Return the tables about nobody."""
        return tuple(table for table in self.tables if not table.is_personal)


def of(manifest: Manifest, language: str) -> DataSheet:
    """Return the data sheet of an installed module."""
    lines: list[ProcessingLine] = []
    reasons: list[str] = []
    for answer in registry.personal_data(manifest.slug):
        if isinstance(answer, NoPersonalData):
            reasons.append(answer.reason)
            continue
        lines += [
            ProcessingLine(
                line.label.in_language(language),
                line.purpose.in_language(language),
                line.retention_days,
            )
            for line in answer.describe()
        ]
    return DataSheet(
        manifest.data_use.in_language(language),
        manifest.ai_use.in_language(language),
        tuple(tables_of(manifest.slug)),
        tuple(lines),
        " ".join(reasons),
    )


def tables_of(slug: str) -> list[TableUse]:
    """Return every table of a module with what its columns hold about people."""
    try:
        config = apps.get_app_config(slug)
    except LookupError:
        return []
    found = [_table(model) for model in config.get_models(include_auto_created=True)]
    return sorted(found, key=lambda table: (not table.is_personal, table.label))


def _table(model: type[models.Model]) -> TableUse:
    fields = [field for field in model._meta.local_concrete_fields if not field.primary_key]
    about_people = any(map(is_person, fields)) or _belongs_to_person(model)
    columns = tuple(
        ColumnUse(
            str(capfirst(field.verbose_name)),
            _("whose it is or who wrote it")
            if is_person(field)
            else _kind(field, about_people=about_people),
        )
        for field in fields
    )
    holds = sorted(
        {column.holds for column in columns if column.holds},
        key=[column.holds for column in columns].index,
    )
    return TableUse(
        model._meta.db_table, str(capfirst(model._meta.verbose_name)), tuple(holds), columns
    )


def is_person(field: models.Field[Any, Any]) -> bool:
    """Tell whether a column points at a person."""
    if not isinstance(field, models.UUIDField | models.ForeignKey):
        return False
    if isinstance(field, models.ForeignKey):
        label = field.remote_field.model._meta.label_lower
        return label in {"identity.user", "identity.person"}
    return field.name in _PEOPLE or field.name.endswith("_by")


def _belongs_to_person(model: type[models.Model]) -> bool:
    """Tell whether a row hangs on a row of the same module that is about a person."""
    for field in model._meta.local_concrete_fields:
        if not isinstance(field, models.ForeignKey):
            continue
        target = field.remote_field.model
        if (
            target is not model
            and target._meta.app_label == model._meta.app_label
            and any(
                is_person(other) and other.name in _PEOPLE
                for other in target._meta.local_concrete_fields
            )
        ):
            return True
    return False


# What a column of each sort holds in a table about people, the narrower sort first.
_KINDS: tuple[tuple[tuple[type[models.Field[Any, Any]], ...], Any], ...] = (
    ((models.FileField,), gettext_lazy("files")),
    ((models.TextField,), gettext_lazy("texts")),
    ((models.JSONField,), gettext_lazy("answers and details")),
    ((models.CharField,), gettext_lazy("short texts")),
    ((models.DecimalField, models.FloatField), gettext_lazy("figures and marks")),
    ((models.DateTimeField, models.DateField), gettext_lazy("dates of activity")),
)


def _kind(field: models.Field[Any, Any], *, about_people: bool) -> str:
    """Return the kind of personal data of a column; texts count in tables about people only."""
    if isinstance(field, models.EmailField):
        return _("e-mail addresses")
    if isinstance(field, models.GenericIPAddressField):
        return _("network addresses")
    is_harmless = isinstance(field, models.CharField) and (
        bool(field.choices) or field.name in _HARMLESS_TEXT
    )
    if not about_people or is_harmless:
        return ""
    return next((str(text) for sorts, text in _KINDS if isinstance(field, sorts)), "")
