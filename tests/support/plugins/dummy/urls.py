"""Addresses of the dummy, by mount."""

from __future__ import annotations

from django.urls import include, path

from tests.support.plugins.dummy import views

urlpatterns = [
    path("", views.home, name="home"),
    path("guarded/", views.guarded, name="guarded"),
    path("inner/", include([path("missing/", views.missing, name="missing")])),
    path("forbidden/", views.forbidden, name="forbidden"),
]
console_urlpatterns = [path("", views.console, name="home")]
public_urlpatterns = [path("dummy-public/", views.open_page, name="open")]
