"""What a new client takes over from another one: its configuration, never its people.

A recipe is read from the template as plain values. It is applied to a schema made from the empty
template of the installation, inside the transaction that creates the space: either the client is
there whole, or nothing of it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenants.branding import services as branding
from tenants.context import public_write, use
from tenants.registry import TenantInfo
from tremplin.api import hookspecs
from tremplin.api import services as platform
from tremplin.kernel import gate, registry, settings_store
from tremplin.kernel.dispatch import dispatcher
from tremplin.kernel.state.models import SettingValue

if TYPE_CHECKING:
    from tenants.provisioning import NewTenant

OPTION = "recipe"
# An id names somebody or something of the template, an address somebody who answers there.
NAMES_SOMETHING = re.compile(
    r"(?i)\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b|[^\s@]@[^\s@]"
)
# Of the core's settings those that say how a space works; the others name its networks, its mail
# domains, the sites that show it or the people who answer.
CORE_SETTINGS: Mapping[str, frozenset[str]] = {
    "identity": frozenset(
        {"invitation_days", "login_by_code", "passkeys", "idle_minutes", "signup_role"}
    ),
}
# Whose name and picture they are does not change with who shows the rest of the look.
OWN_LOOK = frozenset({"short_name"})


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that is taken over, as values without any link to the template's schema."""

    modules: tuple[str, ...] = ()
    settings: tuple[tuple[str, str, Any], ...] = ()
    look: Mapping[str, Any] = field(default_factory=dict)
    packs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read(template: TenantInfo) -> Recipe:
    """Return the configuration of ``template``; no row about people is read."""
    modules = tuple(sorted(gate.enabled(template)))
    published = branding.published(template)
    own = published.inputs if published is not None else {}
    return Recipe(
        modules=modules,
        settings=tuple(_settings(template)),
        look={name: value for name, value in own.items() if name not in OWN_LOOK},
        packs=_packs(template, modules),
    )


def _settings(template: TenantInfo) -> Iterable[tuple[str, str, Any]]:
    """Yield (module, key, value) of what the template set itself, without secrets."""
    rows = SettingValue.objects.filter(level="tenant", owner=template.pk).order_by("module", "key")
    for row in rows:
        if _is_copied(row.module, row.key) and not _names_something(row.value):
            yield row.module, row.key, row.value


def _names_something(value: Any) -> bool:
    """Tell whether a value holds a secret, the id of a row or an address, however deep."""
    if settings_store.is_ciphertext(value):
        return True
    if isinstance(value, dict):
        return any(map(_names_something, (*value, *value.values())))
    if isinstance(value, list):
        return any(map(_names_something, value))
    return isinstance(value, str) and NAMES_SOMETHING.search(value) is not None


def _is_copied(module: str, key: str) -> bool:
    if module in CORE_SETTINGS:
        return key in CORE_SETTINGS[module]
    manifest = registry.manifest_of(module)
    model = manifest.settings if manifest is not None else None
    return (
        model is not None
        and key in model.model_fields
        and not settings_store.field_is_secret(model, key)
    )


def _packs(template: TenantInfo, modules: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    with use(template):
        ctx = platform.contexts().current()
        for answer in dispatcher.collect(hookspecs.content_packs, frozenset(modules), ctx=ctx):
            found.setdefault(answer.plugin, []).append(answer.value)
    return {slug: tuple(keys) for slug, keys in found.items()}


def apply(tenant: TenantInfo, new: NewTenant) -> None:
    """Give a new client what the recipe holds (provisioning step, once it has its plan)."""
    recipe = (new.options or {}).get(OPTION)
    if not isinstance(recipe, Recipe):
        return
    if recipe.settings:
        _write_settings(tenant, recipe.settings)
    if recipe.look:
        branding.copy_look(tenant, recipe.look)
    active = _switch_on(tenant, recipe.modules)
    _install(tenant, {slug: recipe.packs[slug] for slug in active if slug in recipe.packs})


def _write_settings(tenant: TenantInfo, rows: Iterable[tuple[str, str, Any]]) -> None:
    with public_write("settings of a new client"):
        SettingValue.objects.bulk_create(
            SettingValue(level="tenant", owner=tenant.pk, module=module, key=key, value=value)
            for module, key, value in rows
        )
    settings_store.forget_cache()


def _switch_on(tenant: TenantInfo, wanted: tuple[str, ...]) -> list[str]:
    """Switch on the modules that the plan holds, those that others need first; return them.

    A module that the plan does not hold waits until the client buys it, one whose settings need a
    secret until somebody gives it.
    """
    done: list[str] = []
    left = [slug for slug in wanted if gate.states(tenant)[slug].licensed_mode == "on"]
    while True:
        ready = [
            slug
            for slug in left
            if _needs(slug) <= set(done) and not settings_store.missing_settings(tenant, slug)
        ]
        if not ready:
            return done
        for slug in ready:
            gate.activate(tenant, slug)
            done.append(slug)
            left.remove(slug)


def _needs(slug: str) -> set[str]:
    manifest = registry.manifest_of(slug)
    return set(manifest.requires) if manifest is not None else {slug}


def _install(tenant: TenantInfo, packs: Mapping[str, tuple[str, ...]]) -> None:
    with use(tenant):
        ctx = platform.contexts().current()
        for slug, keys in packs.items():
            dispatcher.call_one(hookspecs.install_packs, slug, ctx=ctx, packs=keys)
