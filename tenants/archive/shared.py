"""The rows of ``public`` that belong to one space, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Field, Model

from tenants.routers import shared_labels

# Facts about this installation, not about the space.
LEFT_OUT = frozenset({"tenants.provisioningjob", "kernel_state.jobstatus"})
# What a copy beside its original must not have: the hosts stay with the original.
NOT_COPIED = frozenset({"tenants.domain", "kernel_state.reminder"})


def models() -> Iterator[tuple[type[Model], str]]:
    """Yield the shared models that name a space, and the column that does."""
    for model in apps.get_models():
        label = model._meta.label_lower
        if model._meta.app_label not in shared_labels() or label in LEFT_OUT:
            continue
        names = {field.attname for field in model._meta.concrete_fields}
        if "tenant_id" in names:
            yield model, "tenant_id"
        elif {"level", "owner"} <= names:
            yield model, "owner"


def rows_of(pk: int) -> dict[str, list[dict[str, Any]]]:
    """Return the shared rows of the space ``pk`` by model label."""
    found = {}
    for model, column in models():
        rows = model._default_manager.filter(**_own(column, pk)).order_by("pk")
        values = [_values(row) for row in rows]
        if values:
            found[model._meta.label_lower] = values
    return found


def _own(column: str, pk: int) -> dict[str, Any]:
    return {"level": "tenant", "owner": pk} if column == "owner" else {column: pk}


def _values(row: Model) -> dict[str, Any]:
    return {
        field.attname: None
        if getattr(row, field.attname) is None
        else getattr(row, field.attname)
        if field.get_internal_type() == "JSONField"
        else field.value_to_string(row)
        for field in row._meta.concrete_fields
    }


def write(
    pk: int,
    found: dict[str, list[dict[str, Any]]],
    *,
    copy: bool,
    kept: frozenset[str] = frozenset(),
) -> None:
    """Write the shared rows for the space ``pk``; unknown models and columns are left out.

    Rows of the models ``kept`` are not touched.
    """
    for model, column in models():
        label = model._meta.label_lower
        if label in kept or (copy and label in NOT_COPIED):
            continue
        if not copy:
            model._default_manager.filter(**_own(column, pk)).delete()
        rows = [_row(model, values, column, pk, copy) for values in found.get(label, [])]
        model._default_manager.bulk_create(rows)


def _row(model: type[Model], values: dict[str, Any], column: str, pk: int, copy: bool) -> Model:
    fields: dict[str, Field[Any, Any]] = {
        field.attname: field for field in model._meta.concrete_fields
    }
    row = model()
    for name, value in values.items():
        field = fields.get(name)
        if field is None or (field.primary_key and (copy or _automatic(field))):
            continue
        if copy and field.unique and not field.primary_key:
            continue
        setattr(row, name, value if value is None else field.to_python(value))
    setattr(row, column, pk)
    return row


def _automatic(field: Field[Any, Any]) -> bool:
    return field.get_internal_type() in {"AutoField", "BigAutoField", "SmallAutoField"}
