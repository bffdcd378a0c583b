"""Addresses of licensing, beside those of billing."""

from __future__ import annotations

from django.urls import path

from tremplin.licensing import views

app_name = "licensing"
urlpatterns = [
    path("console/billing/usage.csv", views.usage_export, name="usage_export"),
    path("console/billing/seats/", views.seats_page, name="seats"),
    path("console/billing/seats/policy/", views.policy, name="seat_policy"),
    path("console/billing/seats/assign/", views.assign, name="seat_assign"),
    path("console/billing/seats/release/", views.release, name="seat_release"),
]
