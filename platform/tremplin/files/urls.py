"""Addresses of stored files."""

from __future__ import annotations

from django.urls import path

from tremplin.files import views

app_name = "files"

urlpatterns = [
    path("files/<uuid:file>/<str:signature>/<str:name>", views.download, name="download"),
]
