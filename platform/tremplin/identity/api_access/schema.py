"""What the API of one space offers, as an OpenAPI document and as rows for its page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from tremplin.identity.api_access import scopes as scope_names
from tremplin.kernel import api_schema
from tremplin.kernel.api_auth import CORE


def of_space(request: HttpRequest) -> dict[str, Any]:
    """Return the OpenAPI document of the current space for the host that was asked."""
    ctx = request.ctx  # type: ignore[attr-defined]
    return api_schema.document(
        title=f"{ctx.tenant.name} API",
        server=f"{request.scheme}://{request.get_host()}",
        modules=CORE | ctx.enabled,
        labels={name: str(scope.label) for name, scope in scope_names.by_name().items()},
    )
