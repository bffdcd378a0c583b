"""Addresses of visits: the way in and out, and the page of the space about them."""

from __future__ import annotations

from django.urls import path

from tremplin.identity.support import views

visit_patterns = (
    [
        path("support/enter/<str:token>/", views.enter, name="enter"),
        path("support/stop/", views.stop, name="stop"),
        path("support/ended/", views.ended, name="ended"),
    ],
    "support",
)
# Under ``/console/``, in the namespace ``people``.
console_urls = [
    path("security/support/", views.page, name="support_access"),
    path("security/support/switch/", views.switch, name="support_switch"),
    path("security/support/<uuid:visit>/end/", views.end, name="support_end"),
]
