"""What a key or an application may be allowed: ``<slug>:read``, ``<slug>:write`` and named scopes.

The two of each module are derived from its operations: safe methods read, the others write. A
scope never adds a right: whoever made the key must hold, at each call, what the operation asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from ninja import Router

from tremplin.identity.errors import IdentityError
from tremplin.identity.models import User

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope with its words; ``permission`` is the right its holder's creator must have."""

    name: str
    label: str | Promise
    permission: str = ""

    @property
    def slug(self) -> str:
        """Return the module it belongs to."""
        return self.name.partition(":")[0]


_named: dict[str, Scope] = {
    "scim": Scope(
        "scim", gettext_lazy("Keep people and cohorts up to date (SCIM)"), "sso.manage_sso"
    ),
}


def register(scope: Scope) -> None:
    """Declare a named scope; a core application calls it in ``AppConfig.ready()``.

    Raises ``ValueError`` when another scope has the name.
    """
    if _named.setdefault(scope.name, scope) != scope:
        raise ValueError(f"the scope {scope.name!r} is already declared")


def of_operation(slug: str, method: str) -> str:
    """Return the scope that a call of module ``slug`` with this HTTP method needs."""
    return f"{slug}:{'read' if method.upper() in SAFE_METHODS else 'write'}"


def known() -> tuple[Scope, ...]:
    """Return every scope of this installation, modules in slug order, named ones last."""
    derived: dict[str, Scope] = {}
    for slug, label, routers in _modules():
        methods = {method for router in routers for method in methods_of(router)}
        for name in sorted({of_operation(slug, method) for method in methods}):
            derived[name] = Scope(name, _derived_label(name, label))
    return (*derived.values(), *(_named[name] for name in sorted(_named) if name not in derived))


def by_name() -> dict[str, Scope]:
    """Return every scope by its name."""
    return {scope.name: scope for scope in known()}


def may_grant(person: User, scope: str) -> bool:
    """Tell whether ``person`` holds the right behind a named scope (derived ones have none)."""
    found = _named.get(scope)
    return found is None or not found.permission or person.has_perm(found.permission)


def checked(scopes: Iterable[str], person: User) -> list[str]:
    """Return the scopes sorted, once each, all known and allowed to ``person``.

    Raises ``IdentityError`` ``scope_required``, ``unknown_scope`` or ``scope_not_yours``.
    """
    chosen = sorted(set(scopes))
    if not chosen:
        raise IdentityError("scope_required", _("Choose at least one scope."))
    there = by_name()
    unknown = [name for name in chosen if name not in there]
    if unknown:
        raise IdentityError(
            "unknown_scope",
            _("There is no scope “%(name)s” here.") % {"name": ", ".join(unknown)[:120]},
        )
    refused = [name for name in chosen if not may_grant(person, name)]
    if refused:
        raise IdentityError(
            "scope_not_yours",
            _("Your roles do not allow the scope “%(name)s”.") % {"name": ", ".join(refused)},
        )
    return chosen


def methods_of(router: Router) -> Iterator[str]:
    """Yield the HTTP method of every operation of a router and of those below it."""
    for view in router.path_operations.values():
        for operation in view.operations:
            yield from operation.methods
    for _prefix, below, *_rest in router._routers:
        yield from methods_of(below)


def _modules() -> Iterator[tuple[str, str, list[Router]]]:
    from tremplin.identity.api import router as identity_router
    from tremplin.kernel import registry

    yield "identity", _("People"), [identity_router]
    for slug, mounted in sorted(registry.api_routers().items()):
        manifest = registry.manifest_of(slug)
        label = manifest.name.in_language(get_language() or "en") if manifest else slug
        yield slug, label, [item.router for item in mounted]


def _derived_label(name: str, module: str) -> str:
    if name.endswith(":read"):
        return _("%(module)s: read") % {"module": module}
    return _("%(module)s: change") % {"module": module}
