"""Addresses: people under ``/app/sample_module/``, staff under ``/console/sample_module/``."""

from __future__ import annotations

from django.urls import path

from tremplin_sample_module import views

urlpatterns = [
    path("", views.home, name="home"),
    path("items/<uuid:item>/finish/", views.finish, name="finish"),
    path("card/", views.card, name="card"),
]
console_urlpatterns = [path("", views.console, name="console")]
