"""Pages of the notifications."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from tremplin.kernel.access import guarded
from tremplin.notifications import selectors, services

PAGE_SIZE = 25


@guarded()
def index(request: HttpRequest) -> HttpResponse:
    """List the messages of the signed-in person."""
    rows = selectors.of_person(request.ctx.person.id)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "notifications/list.html", {"page": page})


@require_POST
@guarded()
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark every message as read."""
    services.mark_read(request.ctx.person.id)
    return redirect("notifications:list")
