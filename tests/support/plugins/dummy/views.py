"""Pages of the dummy: one for each kind of access and of failure."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from tremplin.api import Problem, TenantContext, view


@view()
def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"home {request.method}")


@view(permission="dummy.use")
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("guarded")


@view(permission="dummy.use")
def console(request: HttpRequest) -> HttpResponse:
    return HttpResponse("console")


@view(anonymous=True)
def open_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("open")


@view()
def missing(request: HttpRequest) -> HttpResponse:
    raise Problem(404, "dummy_missing", "There is no such thing.")


@view()
def forbidden(request: HttpRequest) -> HttpResponse:
    raise Problem(403, "dummy_forbidden", "Not for you.")


def may_read(ctx: TenantContext, room: str) -> bool:
    return ctx.person is not None and room == "lobby"
