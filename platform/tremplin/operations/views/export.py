"""The export of a whole space, for its owner and administrators."""

from __future__ import annotations

from uuid import UUID

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from tremplin.kernel import audit
from tremplin.kernel.access import guarded
from tremplin.operations import exports
from tremplin.operations.models import SpaceExport

BLOCK_SIZE = 65536


@guarded(permission="operations.export")
def index(request: HttpRequest) -> HttpResponse:
    """List the archives of the last day; a POST asks for a new one."""
    if request.method == "POST":
        exports.ask(request.ctx.person.id)
        return redirect("operations:export")
    rows = list(SpaceExport.objects.all()[:10])
    waiting = any(row.state == SpaceExport.State.WAITING for row in rows)
    context = {"exports": rows, "waiting": waiting}
    template = "operations/export_list.html" if request.htmx else "operations/export.html"
    return render(request, template, context)


@guarded(permission="operations.export")
def download(request: HttpRequest, export: UUID) -> HttpResponseBase:
    """Send one archive."""
    row = SpaceExport.objects.filter(pk=export, state=SpaceExport.State.READY).first()
    if row is None or not exports.path_of(row).is_file():
        raise Http404
    audit.record("security.space_exported", target=str(row.pk))
    name = f"{request.tenant.slug}-{row.asked_at:%Y-%m-%d}.zip"
    response = FileResponse(exports.path_of(row).open("rb"), as_attachment=True, filename=name)
    response.block_size = BLOCK_SIZE
    response["Cache-Control"] = "no-store"
    return response
