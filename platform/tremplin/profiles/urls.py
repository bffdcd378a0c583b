"""Addresses of the profiles."""

from __future__ import annotations

from django.urls import path

from tremplin.profiles import views

app_name = "profiles"
urlpatterns = [
    path("console/people/<uuid:person>/accommodation/", views.accommodation, name="accommodation"),
]
