"""Builds the form of a settings model: one field per setting, locked ones disabled."""

from __future__ import annotations

import enum
import json
import types
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from django import forms
from django.utils.translation import gettext as _
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from tremplin.kernel.settings_store.store import Source, explain, module_of

SEQUENCES = (list, tuple, set, frozenset)


class SettingsForm(forms.Form):
    """A form over the settings of one module of one tenant; see ``settings_form``."""

    model: type[BaseModel]
    sources: dict[str, Source]

    def clean(self) -> dict[str, Any]:
        """Validate every value by the model's own rules and report in the reader's language."""
        cleaned = super().clean() or {}
        for name in list(cleaned):
            if self.fields[name].disabled or name in self.errors:
                continue
            value = self._typed(name, cleaned[name])
            if value is None:
                continue
            try:
                _adapter(self.model.model_fields[name]).validate_python(value)
            except ValidationError as error:
                self.add_error(name, explain_error(error))
        return cleaned

    def changed_values(self) -> dict[str, Any]:
        """Return what to hand to ``settings_store.write``: unlocked fields that differ.

        An empty field means "inherit" (None); an empty secret means "keep the one stored".
        """
        values: dict[str, Any] = {}
        for name in self.model.model_fields:
            if self.fields[name].disabled:
                continue
            typed = self._typed(name, self.cleaned_data.get(name))
            if _is_secret(self.model.model_fields[name]) and typed is None:
                continue
            if typed != _shown(self.model.model_fields[name], self.sources[name].value, raw=True):
                values[name] = typed
        return values

    def _typed(self, name: str, value: Any) -> Any:
        """Turn what the widget gives into what the model takes; None for an empty field."""
        annotation = _plain_type(self.model.model_fields[name].annotation)
        if isinstance(value, bool):
            return value
        if value in (None, "") or (isinstance(value, list) and not value):
            return [] if get_origin(annotation) in SEQUENCES else None
        if get_origin(annotation) in SEQUENCES and isinstance(value, str):
            return [line.strip() for line in value.splitlines() if line.strip()]
        return value


def settings_form(
    model: type[BaseModel],
    tenant: Any,
    module: str = "",
    data: Mapping[str, Any] | None = None,
    *,
    prefix: str | None = None,
) -> SettingsForm:
    """Return the form of ``model`` for ``tenant``, bound to ``data`` when given.

    Labels and help texts are the ``title`` and ``description`` of the pydantic fields, translated
    by the module's own catalogue. A field that a higher level locks is shown disabled; a secret is
    never sent to the page.
    """
    name = module or module_of(model)
    sources = explain(model, tenant, name)
    fields: dict[str, forms.Field] = {}
    for key, info in model.model_fields.items():
        field = _form_field(info)
        field.label = _(info.title) if info.title else key.replace("_", " ").capitalize()
        if info.description:
            field.help_text = _(info.description)
        source = sources[key]
        field.initial = None if _is_secret(info) else _shown(info, source.value)
        if source.locked and source.level != "tenant":
            field.disabled = True
            field.help_text = " ".join(
                part for part in (str(field.help_text), _("Set by your provider.")) if part
            )
        fields[key] = field
    attributes = {"model": model, "sources": sources, **fields}
    built: type[SettingsForm] = type("ModuleSettingsForm", (SettingsForm,), attributes)
    return built(data, prefix=prefix)


def explain_error(error: ValidationError) -> str:
    """Return the first validation error in the reader's language."""
    first = error.errors()[0]
    context = first.get("ctx", {})
    kind = first["type"]
    if kind == "greater_than_equal":
        return _("Give a number of at least %(limit)s.") % {"limit": context["ge"]}
    if kind == "greater_than":
        return _("Give a number above %(limit)s.") % {"limit": context["gt"]}
    if kind == "less_than_equal":
        return _("Give a number of at most %(limit)s.") % {"limit": context["le"]}
    if kind == "less_than":
        return _("Give a number below %(limit)s.") % {"limit": context["lt"]}
    if kind == "string_too_long":
        return _("Use at most %(limit)s characters.") % {"limit": context["max_length"]}
    if kind == "string_too_short":
        return _("Use at least %(limit)s characters.") % {"limit": context["min_length"]}
    if kind in {"literal_error", "enum"}:
        return _("Choose one of the proposed values.")
    if kind.startswith(("int_", "float_", "decimal_")):
        return _("Give a number.")
    if kind == "value_error" and "error" in context:
        return str(context["error"])
    return _("This value is not valid here.")


def _form_field(info: FieldInfo) -> forms.Field:
    """Return the form field that fits a pydantic field; never required: empty means "inherit"."""
    annotation = _plain_type(info.annotation)
    limits = {type(item): item for item in info.metadata}
    low = limits[Ge].ge if Ge in limits else None
    high = limits[Le].le if Le in limits else None
    if annotation is bool:
        return forms.BooleanField(required=False)
    if annotation is int:
        if Gt in limits:
            low = limits[Gt].gt + 1
        if Lt in limits:
            high = limits[Lt].lt - 1
        return forms.IntegerField(required=False, min_value=low, max_value=high)
    if annotation is float:
        return forms.FloatField(required=False, min_value=low, max_value=high)
    if annotation is Decimal:
        return forms.DecimalField(required=False, min_value=low, max_value=high)
    choices = _choices(annotation)
    if choices:
        return forms.ChoiceField(required=False, choices=choices)
    if get_origin(annotation) in SEQUENCES:
        inner = _choices(_plain_type(get_args(annotation)[0]))
        if inner:
            return forms.MultipleChoiceField(
                required=False, choices=inner, widget=forms.CheckboxSelectMultiple
            )
        return forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 4}))
    if annotation is SecretStr:
        return forms.CharField(
            required=False,
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        )
    return forms.CharField(
        required=False,
        max_length=limits[MaxLen].max_length if MaxLen in limits else None,
        min_length=limits[MinLen].min_length if MinLen in limits else None,
    )


def _choices(annotation: Any) -> list[tuple[str, str]]:
    if get_origin(annotation) is Literal:
        return [(str(value), _(str(value))) for value in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return [
            (str(item.value), _(item.name.replace("_", " ").capitalize())) for item in annotation
        ]
    return []


def _plain_type(annotation: Any) -> Any:
    """Return ``X`` of ``X | None``."""
    if get_origin(annotation) in {Union, types.UnionType}:
        rest = [item for item in get_args(annotation) if item is not type(None)]
        return rest[0] if len(rest) == 1 else annotation
    if isinstance(annotation, type) and annotation in SEQUENCES:
        return Sequence
    return annotation


def _is_secret(info: FieldInfo) -> bool:
    return _plain_type(info.annotation) is SecretStr


def _adapter(info: FieldInfo) -> TypeAdapter[Any]:
    return TypeAdapter(info.rebuild_annotation())


def _shown(info: FieldInfo, value: object, *, raw: bool = False) -> Any:
    """Return a value as the widget shows it (``raw``: as ``changed_values`` compares it)."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, SEQUENCES):
        items = [item.value if isinstance(item, enum.Enum) else str(item) for item in value]
        if raw or _choices(_plain_type(get_args(_plain_type(info.annotation))[0])):
            return items
        return "\n".join(items)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return value
