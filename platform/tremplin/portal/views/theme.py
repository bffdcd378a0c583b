"""The generated stylesheet and the brand files of a space."""

from __future__ import annotations

import mimetypes
import re
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tenants.branding import files
from tenants.branding import services as branding
from tenants.branding.logo import FOLDER
from tremplin.kernel.access import guarded

IMMUTABLE = "public, max-age=31536000, immutable"
BRAND_FILE = re.compile(r"^[0-9a-f]{12}-(logo\.(png|svg)|mail\.png|icon\.png)$")


def _missing() -> HttpResponse:
    response = HttpResponse(status=404)
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@guarded(anonymous=True)
def stylesheet(request: HttpRequest, css_hash: str) -> HttpResponse:
    """Serve one version of the tokens; an unknown hash is never answered with the current one."""
    css = branding.stylesheet_text(request.tenant, css_hash)
    if css is None:
        return _missing()
    response = HttpResponse(css, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = IMMUTABLE
    return response


@require_safe
@guarded(permission="portal.branding")
def preview(request: HttpRequest, draft: UUID) -> HttpResponse:
    """Serve the tokens of the draft to those who may publish it."""
    found = branding.draft(request.tenant)
    if found is None or found.pk != draft:
        raise Http404
    response = HttpResponse(found.tokens_css, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@guarded(anonymous=True)
def brand_file(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a logo or icon of the space; SVG is shown as an inert image only."""
    content = files.read(request.tenant, f"{FOLDER}/{name}") if BRAND_FILE.match(name) else None
    if content is None:
        return _missing()
    response = HttpResponse(content, content_type=mimetypes.guess_type(name)[0] or "image/png")
    response["Cache-Control"] = IMMUTABLE
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
