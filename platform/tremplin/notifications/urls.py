"""Addresses of the notifications."""

from __future__ import annotations

from django.urls import path

from tremplin.notifications import views

app_name = "notifications"
urlpatterns = [
    path("app/notifications/", views.index, name="list"),
    path("app/notifications/read/", views.read_all, name="read_all"),
]
