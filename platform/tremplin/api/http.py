"""Markers for views and API operations; the core wrapper performs the checks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from ninja import Router

F = TypeVar("F", bound=Callable[..., Any])
ACCESS_ATTRIBUTE = "tremplin_access"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a view: holders of ``permission``, any signed-in person, or anyone.

    ``scope`` is what a key or an application needs for an API operation: None for the scope that
    follows from the HTTP method, an empty text for none.
    """

    permission: str = ""
    anonymous: bool = False
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls the API and how she proved it; ``request.principal`` of an operation.

    ``person`` is whose rights count: the caller herself, or whoever made the key or application.
    ``scopes`` is None when nothing but these rights limits the call.
    """

    kind: Literal["person", "key", "client", "anonymous"]
    method: Literal["session", "access_token", "api_key", "client_credentials", "none"]
    id: str
    name: str
    tenant: UUID
    person: UUID | None = None
    scopes: frozenset[str] | None = None

    def allows(self, scope: str) -> bool:
        """Tell whether the caller may use operations that need ``scope`` (empty: no scope)."""
        return not scope or self.scopes is None or scope in self.scopes


@dataclass(frozen=True, slots=True)
class ApiRouter:
    """A ninja router mounted under ``/api/v1/<slug>/<prefix>``, always inside a tenant."""

    prefix: str
    router: Router
    anonymous: bool = False


@dataclass(slots=True)
class Problem(Exception):  # noqa: N818  named after RFC 9457 "problem details"
    """An expected failure with an HTTP status and a stable code (RFC 9457 problem details)."""

    status: int
    code: str
    detail: str
    extra: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.detail}"


def view(*, permission: str = "", anonymous: bool = False) -> Callable[[F], F]:
    """Declare who may call a view. A plugin view without this marker quarantines the plugin.

    ``permission`` is the full code (``quiz.take``); with neither argument any signed-in person of
    the tenant may call. The gate (login, tenant, module mode, permission) is applied by core.
    """
    if permission and anonymous:
        raise ValueError("a view is either anonymous or guarded by a permission")

    def mark(function: F) -> F:
        setattr(function, ACCESS_ATTRIBUTE, Access(permission, anonymous))
        return function

    return mark


def operation(
    *, permission: str = "", anonymous: bool = False, scope: str | None = None
) -> Callable[[F], F]:
    """Declare who may call an API operation; put it directly on the function, under the route.

    A key or an application needs the scope ``<slug>:read`` for GET and HEAD, ``<slug>:write`` for
    the other methods, unless ``scope`` names another one (empty: none). Raises ``Problem`` 401
    ``authentication_required``, 403 ``insufficient_scope`` or 403 ``permission_denied`` at call
    time.
    """

    def mark(function: F) -> F:
        @wraps(function)
        def checked(request: Any, *args: Any, **kwargs: Any) -> Any:
            from django.utils.translation import gettext as _

            ctx = request.ctx
            if not anonymous:
                if ctx.person is None:
                    raise Problem(
                        401, "authentication_required", _("Sign in to use this operation.")
                    )
                _require_scope(request, scope)
                if permission and not ctx.can(permission):
                    raise Problem(
                        403, "permission_denied", _("Your roles do not allow this operation.")
                    )
            return function(request, *args, **kwargs)

        checked.__signature__ = _evaluated(function)  # type: ignore[attr-defined]
        setattr(checked, ACCESS_ATTRIBUTE, Access(permission, anonymous, scope))
        return checked  # type: ignore[return-value]

    return mark


def scope_needed(access: Access, slug: str, method: str) -> str:
    """Return the scope of an operation of module ``slug`` (empty: none)."""
    if access.scope is not None:
        return access.scope
    if access.anonymous:
        return ""
    return f"{slug}:{'read' if method.upper() in SAFE_METHODS else 'write'}"


def _require_scope(request: Any, scope: str | None) -> None:
    from django.utils.translation import gettext as _

    principal = getattr(request, "principal", None)
    if principal is None or principal.scopes is None:
        return
    needed = scope_needed(Access(scope=scope), request.api_module, request.method)
    if not principal.allows(needed):
        raise Problem(
            403,
            "insufficient_scope",
            _("This operation needs the scope “%(scope)s”.") % {"scope": needed},
            {"scope": needed},
        )


def _evaluated(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of ``function`` with its textual annotations evaluated.

    The API layer reads annotations in the globals of what it is given, which is the wrapper above:
    under ``from __future__ import annotations`` it would look for a module's names in this one.
    A name that exists for type checkers only stays text.
    """
    names = getattr(function, "__globals__", {})

    def evaluate(annotation: Any) -> Any:
        if not isinstance(annotation, str):
            return annotation
        try:
            return eval(annotation, names)  # noqa: S307  source code of the module itself
        except NameError:
            return annotation

    signature = inspect.signature(function)
    return signature.replace(
        parameters=[
            parameter.replace(annotation=evaluate(parameter.annotation))
            for parameter in signature.parameters.values()
        ],
        return_annotation=evaluate(signature.return_annotation),
    )
