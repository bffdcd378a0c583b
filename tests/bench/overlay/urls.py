"""Views that do nothing but a given number of queries."""

from __future__ import annotations

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def queries(request: HttpRequest, number: int) -> HttpResponse:
    """Ask the database ``number`` times."""
    for _ in range(number):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM auth_group")
            cursor.fetchone()
    return HttpResponse("ok")


def whole(request: HttpRequest, number: int) -> HttpResponse:
    """The same behind what every page of the product reads: tenant, gate and theme."""
    from tremplin.kernel import gate

    tenant = request.tenant  # type: ignore[attr-defined]
    brand = tenant.brand
    enabled = gate.enabled(tenant)
    answer = queries(request, number)
    answer["X-Facts"] = f"{len(enabled)} {brand.css_hash} {brand.primary} {tenant.theme}"
    return answer


PRODUCT = "tenants.middleware.TenancyMiddleware" in settings.MIDDLEWARE
urlpatterns = [path("<int:number>/", whole if PRODUCT else queries)]
