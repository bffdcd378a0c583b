"""Stripe, when a key is given: calls through the SDK, facts through dj-stripe's mirror."""

from __future__ import annotations

from typing import Any


def request_tenant(request: Any) -> Any:
    """Return the tenant that dj-stripe takes for the subscriber of a request."""
    from tenants.models import Tenant

    return Tenant.objects.get(pk=request.tenant.pk)
