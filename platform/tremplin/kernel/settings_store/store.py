"""Reads and writes the rows of the cascade; secrets are stored as ciphertext."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast, get_args

from django.db import transaction
from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter, ValidationError

from tremplin.api import services
from tremplin.kernel import audit, crypto, registry
from tremplin.kernel.state.models import SettingValue
from tremplin.kernel.versioned import EpochCache

logger = logging.getLogger(__name__)
M = TypeVar("M", bound=BaseModel)
Level = Literal["platform", "reseller", "tenant"]
LEVELS: tuple[Level, ...] = ("platform", "reseller", "tenant")
SECRET_MARK = "$secret"  # noqa: S105  the key of a JSON object, not a secret


class InvalidSettings(ValueError):  # noqa: N818  reads as the fact it reports
    """Raised when values do not fit the model; ``errors`` maps each field to its message."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{name}: {text}" for name, text in self.errors.items()))


class LockedSetting(ValueError):  # noqa: N818  reads as the fact it reports
    """Raised when a higher level keeps the value of a field; ``field`` names it."""

    def __init__(self, field: str, level: Level) -> None:
        self.field, self.level = field, level
        super().__init__(f"{field} is locked by the level {level}")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the effective value of one field comes from.

    ``level`` is ``default`` when no row sets it; ``locked`` says that this level refuses changes
    below it. A secret shows as ``SecretStr``.
    """

    level: Literal["default", "platform", "reseller", "tenant"]
    locked: bool
    value: object


@dataclass(frozen=True, slots=True)
class _Row:
    level: Level
    module: str
    key: str
    value: Any
    locked: bool


_rows: EpochCache[tuple[_Row, ...]] = EpochCache()
_followers: list[EpochCache[Any]] = []


def module_of(model: type[BaseModel]) -> str:
    """Return the module whose settings ``model`` describes; raise ``LookupError`` when unknown."""
    name = getattr(model, "tremplin_module", "")
    if name:
        return cast(str, name)
    for entry in registry.plugins():
        if entry.manifest is not None and entry.manifest.settings is model:
            return entry.slug
    raise LookupError(
        f"{model.__name__} belongs to no module: set its class attribute tremplin_module"
    )


def field_is_secret(model: type[BaseModel], name: str) -> bool:
    """Tell whether a field holds a secret (``SecretStr``), which is stored encrypted."""
    annotation = model.model_fields[name].annotation
    kinds = {annotation, *get_args(annotation)}
    return bool(kinds & {SecretStr, SecretBytes})


def is_ciphertext(stored: object) -> bool:
    """Tell whether the value of a row is a secret, which no other tenant may receive."""
    return isinstance(stored, dict) and set(stored) == {SECRET_MARK}


def effective(model: type[M], tenant: Any, module: str = "") -> M:
    """Return the settings of ``tenant`` (None: platform only).

    A stored value that no longer fits the model is ignored and logged, so that a release that
    tightens a field never breaks a page. Raises ``pydantic.ValidationError`` only for a model
    whose required fields nobody has filled in.
    """
    sources = explain(model, tenant, module)
    values = {name: source.value for name, source in sources.items() if source.level != "default"}
    return model(**values)


def explain(model: type[BaseModel], tenant: Any, module: str = "") -> dict[str, Source]:
    """Return, for each field of ``model``, its effective value, its level and whether it is locked."""
    name = module or module_of(model)
    by_key: dict[str, list[_Row]] = {}
    for row in _load(tenant):
        if row.module == name:
            by_key.setdefault(row.key, []).append(row)
    result: dict[str, Source] = {}
    for field, info in model.model_fields.items():
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        source = Source("default", False, default)
        for row in by_key.get(field, ()):  # platform first
            value = _usable(model, name, row)
            if value is not _UNUSABLE:
                source = Source(row.level, row.locked, value)
            if row.locked:
                break
        result[field] = source
    return result


def write(
    level: Level,
    owner: Any,
    module: str,
    values: Mapping[str, object],
    *,
    locked: Iterable[str] = (),
    model: type[BaseModel] | None = None,
) -> None:
    """Store ``values`` of one level and record the change (names only) in the tenant's audit log.

    ``owner`` is None for the platform, a tenant (object with ``pk``) or its integer key otherwise.
    ``locked`` names the fields that lower levels may not change. A value of None removes the row,
    so the field inherits again. Raises ``InvalidSettings`` and ``LockedSetting``.
    """
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}")
    if level == "tenant" and isinstance(owner, int):
        owner = services.tenancy().by_pk(owner) or owner
    chosen = model or _model_of(module)
    stored = _to_store(chosen, values)
    locks = frozenset(locked)
    owner_pk = 0 if level == "platform" else int(getattr(owner, "pk", owner))
    _refuse_locked(level, owner, module, values)
    with transaction.atomic():
        with services.tenancy().public_write(f"settings of {module}"):
            for key, value in stored.items():
                rows = SettingValue.objects.filter(
                    level=level, owner=owner_pk, module=module, key=key
                )
                if value is None:
                    rows.delete()
                    continue
                SettingValue.objects.update_or_create(
                    level=level,
                    owner=owner_pk,
                    module=module,
                    key=key,
                    defaults={"value": value, "locked": key in locks},
                )
        if level == "tenant" and hasattr(owner, "schema_name"):
            with services.tenancy().use(owner):
                audit.record(
                    "settings.changed", target=f"module:{module}", data={"fields": sorted(stored)}
                )
        # A platform or reseller row concerns many tenants: every cached cascade goes.
        forget_cache()
        _rows.changed(owner_pk)
        transaction.on_commit(forget_cache)


def erase(slug: str, tenant: Any | None = None) -> int:
    """Delete what one tenant (None: every level and owner) set for a module; return the rows."""
    with services.tenancy().public_write(f"purge {slug}"):
        rows = SettingValue.objects.filter(module=slug)
        if tenant is not None:
            rows = rows.filter(level="tenant", owner=tenant.pk)
        removed = rows.delete()[0]
    forget_cache()
    _rows.changed(0 if tenant is None else tenant.pk)
    transaction.on_commit(forget_cache)
    return int(removed)


def missing_settings(tenant: Any, slug: str) -> list[str]:
    """Return the required fields of a module's settings that no level has filled in."""
    manifest = registry.manifest_of(slug)
    if manifest is None or manifest.settings is None:
        return []
    sources = explain(manifest.settings, tenant, slug)
    return [
        name
        for name, info in manifest.settings.model_fields.items()
        if info.is_required() and sources[name].level == "default"
    ]


def forget_cache() -> None:
    """Drop what this process remembers, and what was made of it."""
    _rows.clear()
    for cache in _followers:
        cache.clear()


def cache_of_settings() -> EpochCache[Any]:
    """Return a cache for what is made of settings: it is dropped whenever they change."""
    cache: EpochCache[Any] = EpochCache()
    _followers.append(cache)
    return cache


_UNUSABLE = object()


def _load(tenant: Any) -> tuple[_Row, ...]:
    pk = 0 if tenant is None else int(tenant.pk)
    reseller = getattr(tenant, "reseller_pk", None)

    def read() -> tuple[_Row, ...]:
        wanted = SettingValue.objects.filter(level="platform")
        if reseller is not None:
            wanted = wanted | SettingValue.objects.filter(level="reseller", owner=reseller)
        if tenant is not None:
            wanted = wanted | SettingValue.objects.filter(level="tenant", owner=pk)
        rows = [
            _Row(cast(Level, row.level), row.module, row.key, row.value, row.locked)
            for row in wanted
        ]
        return tuple(sorted(rows, key=lambda row: LEVELS.index(row.level)))

    return _rows.get(pk, read)


def _model_of(module: str) -> type[BaseModel]:
    entry = registry.get(module)
    if entry is None or entry.manifest is None or entry.manifest.settings is None:
        raise LookupError(f"{module} declares no settings: pass model=")
    return entry.manifest.settings


def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    return TypeAdapter(info.rebuild_annotation())


def _to_store(model: type[BaseModel], values: Mapping[str, object]) -> dict[str, Any]:
    """Validate each value and return what its row holds; None keeps meaning "inherit"."""
    errors: dict[str, str] = {}
    stored: dict[str, Any] = {}
    for name, value in values.items():
        if name not in model.model_fields:
            errors[name] = "is not a setting of this module"
            continue
        if value is None:
            stored[name] = None
            continue
        try:
            parsed = _adapter(model, name).validate_python(value)
        except ValidationError as error:
            errors[name] = error.errors()[0]["msg"]
            continue
        if isinstance(parsed, SecretStr):
            stored[name] = {SECRET_MARK: crypto.encrypt(parsed.get_secret_value())}
        elif isinstance(parsed, SecretBytes):
            stored[name] = {
                SECRET_MARK: crypto.encrypt(parsed.get_secret_value().decode("latin-1"))
            }
        else:
            stored[name] = json.loads(_adapter(model, name).dump_json(parsed))
    if errors:
        raise InvalidSettings(errors)
    return stored


def _usable(model: type[BaseModel], module: str, row: _Row) -> object:
    """Return the value of a row as the model's field takes it, or a mark when it does not fit."""
    raw = row.value
    try:
        if is_ciphertext(raw):
            raw = crypto.decrypt(raw[SECRET_MARK])
        return cast(object, _adapter(model, row.key).validate_python(raw))
    except (ValidationError, crypto.DecryptionError):
        logger.warning("setting %s.%s of level %s is ignored: unusable", module, row.key, row.level)
        return _UNUSABLE


def _refuse_locked(level: Level, owner: Any, module: str, values: Mapping[str, object]) -> None:
    """Raise ``LockedSetting`` when a level above ``level`` locks one of the fields."""
    above = LEVELS[: LEVELS.index(level)]
    if not above:
        return
    rows = _load(owner if hasattr(owner, "pk") else None)
    for row in rows:
        if row.module == module and row.locked and row.level in above and row.key in values:
            raise LockedSetting(row.key, row.level)
