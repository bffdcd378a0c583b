"""Addresses that Stripe calls."""

from __future__ import annotations

from django.urls import include, path

from tremplin.billing.stripe import views

# The mirror writes the address of its endpoint by this name.
_mirror = [path("webhook/<uuid:uuid>/", views.webhook, name="djstripe_webhook_by_uuid")]

urlpatterns = [
    path("", include((_mirror, "djstripe"))),
    path("connect/<uuid:uuid>/", views.connect, name="stripe_connect"),
]
