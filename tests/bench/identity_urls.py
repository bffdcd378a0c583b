"""Addresses of the identity benchmark: a bare view, one that needs a person, one that asks rights.

The first is served without any middleware, the others behind those of the product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.urls import path

from tremplin.kernel.access import guarded

if TYPE_CHECKING:
    from django.http import HttpRequest

RIGHTS = (
    "identity.view_people",
    "identity.manage_people",
    "identity.manage_roles",
    "portal.console",
    "portal.modules",
    "quiz.take",
    "quiz.author",
    "kernel.view_audit",
    "privacy.view",
    "operations.export",
)


def bare(request: HttpRequest) -> HttpResponse:
    """Answer two bytes."""
    return HttpResponse(b"ok")


@guarded()
def person(request: HttpRequest) -> HttpResponse:
    """Answer whoever is signed in."""
    return HttpResponse(b"ok")


@guarded(permission="quiz.take")
def rights(request: HttpRequest) -> HttpResponse:
    """Ask the right of the view, then ten more, in the two ways that pages use."""
    held = [request.ctx.can(right) for right in RIGHTS]  # type: ignore[attr-defined]
    held += [request.user.has_perm(right) for right in RIGHTS]
    return HttpResponse(b"ok" if sum(held) == 2 else b"wrong")


bare.tremplin_scope = "public"  # type: ignore[attr-defined]
urlpatterns = [
    path("bench/bare/", bare, name="bare"),
    path("bench/person/", person, name="person"),
    path("bench/rights/", rights, name="rights"),
]
