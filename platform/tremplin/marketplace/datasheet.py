"""What a module keeps about people, read from its tables and its declarations, never written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as _

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
class TableUse:
    """One table: what it holds about people; ``holds`` is empty for a table about nobody."""

    name: str
    label: str
    holds: tuple[str, ...]
    columns: int

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
    links = [field for field in fields if is_person(field)]
    holds: list[str] = []
    if links:
        holds.append(_("whose it is or who wrote it"))
    holds += _kinds(fields, about_people=bool(links) or _belongs_to_person(model))
    return TableUse(
        model._meta.db_table,
        str(capfirst(model._meta.verbose_name)),
        tuple(dict.fromkeys(holds)),
        len(fields),
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


def _kinds(fields: Iterable[models.Field[Any, Any]], *, about_people: bool) -> list[str]:
    """Return the kinds of personal data of columns; texts count in tables about people only."""
    found: list[str] = []
    for field in fields:
        if isinstance(field, models.EmailField):
            found.append(_("e-mail addresses"))
        elif isinstance(field, models.GenericIPAddressField):
            found.append(_("network addresses"))
        elif not about_people:
            continue
        elif isinstance(field, models.FileField):
            found.append(_("files"))
        elif isinstance(field, models.TextField):
            found.append(_("texts"))
        elif isinstance(field, models.JSONField):
            found.append(_("answers and details"))
        elif isinstance(field, models.CharField):
            if not field.choices and field.name not in _HARMLESS_TEXT:
                found.append(_("short texts"))
        elif isinstance(field, models.DecimalField | models.FloatField):
            found.append(_("figures and marks"))
        elif isinstance(field, models.DateTimeField | models.DateField):
            found.append(_("dates of activity"))
    return found
