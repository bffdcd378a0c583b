"""One URLconf for every tenant."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from tremplin.config.api import urls as api_urls
from tremplin.kernel.routing import plugin_urlpatterns

urlpatterns = [
    path("", include("tremplin.portal.urls")),
    path("", include("tremplin.marketplace.urls")),
    path("", include("tremplin.billing.urls")),
    path("", include("tremplin.billing.sales.urls")),
    path("", include("tremplin.identity.urls")),
    path("", include("tremplin.sso.urls")),
    path("", include("tremplin.files.urls")),
    path("", include("tremplin.profiles.urls")),
    path("", include("tremplin.notifications.urls")),
    path("", include("tremplin.privacy.urls")),
    path("", include("tremplin.operations.urls")),
    path("reseller/", include("tremplin.operations.reseller.urls")),
    path("", include("tremplin.licensing.urls")),
    path("stripe/", include("tremplin.billing.stripe.urls")),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("", include("allauth.idp.urls")),
    path("api/v1/", api_urls),
    *plugin_urlpatterns(),
]
if settings.DEMO:
    urlpatterns.append(path("_demo/", include("tremplin.operations.demo.urls")))

handler400 = "tremplin.portal.views.errors.bad_request"
handler403 = "tremplin.portal.views.errors.forbidden"
handler404 = "tremplin.portal.views.errors.not_found"
handler429 = "tremplin.identity.network.refusals.too_many_requests"  # asked by the sign-in library
handler500 = "tremplin.portal.views.errors.server_error"
