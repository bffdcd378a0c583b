"""The mirror of Stripe, to read: what arrived, with secrets and people masked."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tremplin.billing.errors import NotFound
from tremplin.billing.stripe import client, mirror
from tremplin.kernel.access import guarded
from tremplin.operations.access import hq_only

PAGE_SIZE = 25


@require_GET
@hq_only
@guarded(permission="operations.platform")
def index(request: HttpRequest) -> HttpResponse:
    """Say whether Stripe is connected, in which mode, and how much of each kind is mirrored."""
    context = {"kinds": mirror.kinds(), "problems": client.problems(), "mode": client.mode()}
    return render(request, "operations/mirror/index.html", context)


@require_GET
@hq_only
@guarded(permission="operations.platform")
def kind(request: HttpRequest, kind: str) -> HttpResponse:
    """List the objects of one kind, latest first; ``q`` finds those whose id begins so."""
    try:
        found = mirror.rows(kind)
    except NotFound as error:
        raise Http404 from error
    wanted = request.GET.get("q", "").strip()[:80]
    if wanted and kind != "deliveries":
        found = found.filter(id__startswith=wanted)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "name": mirror.names()[kind],
        "kind": kind,
        "page": page,
        "rows": mirror.shown(kind, list(page)),
        "wanted": wanted,
        "can_search": kind != "deliveries",
    }
    return render(request, "operations/mirror/kind.html", context)
