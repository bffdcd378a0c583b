"""The documentation of the space's API, drawn on the server from its OpenAPI document."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tremplin.identity.api_access import schema
from tremplin.identity.normalise import fold
from tremplin.kernel.access import guarded

MAX_QUERY = 100


@guarded()
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show every operation of this space, or those whose words hold the search text."""
    document = schema.of_space(request)
    wanted = request.GET.get("q", "")[:MAX_QUERY].strip()
    words = fold(wanted).split()
    groups = schema.groups(document, words)
    ctx = request.ctx  # type: ignore[attr-defined]
    context = {
        "page_title": _("API of this space"),
        "groups": groups,
        "shown": sum(len(group.operations) for group in groups),
        "total": sum(len(methods) for methods in document["paths"].values()),
        "query": wanted,
        "server": document["servers"][0]["url"],
        "ways": schema.ways(document["servers"][0]["url"]),
        "can_manage": ctx.can("identity.manage_api"),
    }
    return render(request, "identity/api/docs.html", context)
