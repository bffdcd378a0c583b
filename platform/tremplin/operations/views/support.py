"""Starting a visit of support, from the operator's console or from a reseller's space."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from tenants import registry
from tenants.registry import TenantInfo
from tremplin.api.http import ACCESS_ATTRIBUTE
from tremplin.identity.errors import IdentityError
from tremplin.identity.support import opening, viewers
from tremplin.kernel import throttle
from tremplin.kernel.access import guarded
from tremplin.kernel.middleware import extend_policy
from tremplin.operations.forms import ViewAsForm

VISITS_PER_HOUR = 30


def viewers_of(kind: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Open a page to the visitors of one kind of space: 404 elsewhere, 403 without the role.

    Both the right and a role of the platform are needed: neither a group of the same name nor the
    right given to another role opens anything.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        inner: Any = guarded(permission=viewers.PERMISSION)(view)

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            ctx: Any = request.ctx  # type: ignore[attr-defined]
            if ctx.tenant.kind != kind:
                raise Http404
            if ctx.person is not None and not viewers.may_view(
                kind, ctx.person.roles, ctx.permissions
            ):
                raise PermissionDenied(viewers.PERMISSION)
            response: HttpResponse = inner(request, *args, **kwargs)
            return response

        setattr(checked, ACCESS_ATTRIBUTE, getattr(inner, ACCESS_ATTRIBUTE))
        return checked

    return decorate


@viewers_of("reseller")
@require_GET
def clients(request: HttpRequest) -> HttpResponse:
    """Lead to the list of clients, which has its own console."""
    return redirect("reseller:index")


@viewers_of("hq")
@require_http_methods(["GET", "POST"])
@never_cache
def view_space(request: HttpRequest, space: UUID) -> HttpResponse:
    """View any space but the operator's own."""
    return _view_as(request, space)


@viewers_of("reseller")
@require_http_methods(["GET", "POST"])
@never_cache
def view_client(request: HttpRequest, space: UUID) -> HttpResponse:
    """View a client of the reseller."""
    return _view_as(request, space)


def _here(request: HttpRequest) -> TenantInfo:
    return request.tenant  # type: ignore[attr-defined,no-any-return]


def _view_as(request: HttpRequest, space: UUID) -> HttpResponse:
    here = _here(request)
    target = registry.by_uuid(space)
    if target is None or not viewers.may_visit(here, target):
        raise Http404
    allowed = target.status == "active" and opening.is_allowed(target)
    choices = opening.roles_to_view(target) if allowed else []
    form = ViewAsForm(request.POST or None, roles=choices)
    status = 200
    if request.method == "POST":
        status = 422 if allowed else 409
        if allowed and form.is_valid():
            answer = _start(request, here, target, form)
            if answer is not None:
                return answer
            status = 429 if getattr(form, "locked", False) else 422
    context = {
        "page_title": gettext("View %(name)s") % {"name": target.name},
        "target": target,
        "form": form,
        "allowed": allowed,
        "back": "operations:space" if here.kind == "hq" else "reseller:client",
        "at_hq": here.kind == "hq",
    }
    response = render(request, "operations/support/view_as.html", context, status=status)
    # The form leads to the other host: the policy of the page that holds it must say so.
    extend_policy(response, form_action=[registry.absolute_url(target, "")])
    return response


def _start(
    request: HttpRequest, here: TenantInfo, target: TenantInfo, form: ViewAsForm
) -> HttpResponse | None:
    """Return the way into the other space; None after adding to the form what is wrong."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    if throttle.hit("support", str(ctx.person.id), limit=VISITS_PER_HOUR, seconds=3600) is not None:
        form.add_error(None, gettext("Too many visits in an hour. Try again later."))
        form.locked = True
        return None
    data = form.cleaned_data
    try:
        visit, token = opening.start(
            here, ctx.person, target, opening.Wish(data["role"], data["email"], data["reason"])
        )
    except IdentityError as error:
        form.add_error("email" if error.code.startswith("person_") else None, str(error))
        return None
    opened = [*request.session.get(viewers.OPENED, [])[-9:], str(visit)]
    request.session[viewers.OPENED] = opened
    url = registry.absolute_url(target, f"/support/enter/{token}/")
    return HttpResponse(status=303, headers={"Location": url, "Referrer-Policy": "no-referrer"})
