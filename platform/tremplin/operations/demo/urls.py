"""Addresses of the demo mode."""

from __future__ import annotations

from django.urls import path

from tremplin.operations.demo import views

app_name = "demo"
urlpatterns = [
    path("", views.index, name="index"),
    path("clock/", views.move_clock, name="clock"),
    path("outbox/", views.mails, name="outbox"),
    path("outbox/<slug:key>/", views.mail, name="mail"),
    path("outbox/<slug:key>/html/", views.mail_html, name="mail_html"),
]
