"""Addresses of privacy."""

from __future__ import annotations

from django.urls import path

from tremplin.privacy import views

app_name = "privacy"
urlpatterns = [
    path("app/my-data/", views.mine, name="mine"),
    path("app/my-data/export/", views.export, name="export"),
    path("app/my-data/erasure/", views.erasure, name="erasure"),
    path("console/privacy/", views.register, name="register"),
]
