"""Leaving a module: its data taken out, read-only for 30 days, then erased; or kept after all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST

from tremplin.api import Problem
from tremplin.kernel import audit, clock
from tremplin.kernel.access import guarded
from tremplin.marketplace import datasheet, services
from tremplin.marketplace.views.module import found
from tremplin.modules import archive
from tremplin.modules.holdings import Module, ModuleError

BLOCK_SIZE = 65536


@guarded(permission="portal.modules")
def uninstall(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what goes and when, then announce it."""
    entry, card = found(request, slug)
    if card.status in {"off", "leaving"}:
        return redirect("marketplace:module", slug=slug)
    if request.method == "POST":
        try:
            day = services.uninstall(request.tenant, slug)
        except Problem as problem:
            messages.error(request, problem.detail)
        else:
            messages.success(
                request,
                gettext("%(module)s can be read until %(date)s, then its data is erased.")
                % {"module": card.name, "date": date_format(localtime(day), "DATE_FORMAT")},
            )
        return redirect("marketplace:module", slug=slug)
    assert entry.manifest is not None  # noqa: S101  found looked
    sheet = datasheet.of(entry.manifest, get_language() or "en")
    return render(
        request,
        "marketplace/uninstall.html",
        {"module": card, "sheet": sheet, "can_export": request.ctx.can("operations.export")},
    )


@require_POST
@guarded(permission="portal.modules")
def keep(request: HttpRequest, slug: str) -> HttpResponse:
    """Take an uninstallation back before its day."""
    _entry, card = found(request, slug)
    if services.keep(request.tenant, slug):
        messages.success(request, gettext("%(module)s stays.") % {"module": card.name})
    return redirect("marketplace:module", slug=slug)


@require_POST
@guarded(permission="operations.export")
def export(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Send everything that the space holds of a module, as an archive."""
    _entry, card = found(request, slug)
    stream = tempfile.TemporaryFile(prefix="tremplin-module-")  # noqa: SIM115  the answer closes it
    try:
        with tempfile.TemporaryDirectory(prefix="tremplin-module-") as folder:
            path = Path(folder) / "module.zip"
            archive.export(request.tenant, Module(slug), path)
            with path.open("rb") as source:
                shutil.copyfileobj(source, stream)
    except ModuleError:
        stream.close()
        messages.error(
            request,
            gettext("The data of %(module)s cannot be read now: ask the operator.")
            % {"module": card.name},
        )
        return redirect("marketplace:module", slug=slug)
    stream.seek(0)
    audit.record("security.module_exported", target=f"module:{slug}")
    name = f"{request.tenant.slug}-{slug}-{clock.now():%Y-%m-%d}.zip"
    answer = FileResponse(stream, as_attachment=True, filename=name)
    answer.block_size = BLOCK_SIZE
    answer["Cache-Control"] = "no-store"
    return answer
