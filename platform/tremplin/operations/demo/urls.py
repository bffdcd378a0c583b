"""Addresses of the demo mode."""

from __future__ import annotations

from django.urls import path

from tremplin.operations.demo import views
from tremplin.operations.demo.idp import views as idp

app_name = "demo"
urlpatterns = [
    path("", views.index, name="index"),
    path("clock/", views.move_clock, name="clock"),
    path("outbox/", views.mails, name="outbox"),
    path("outbox/<slug:key>/", views.mail, name="mail"),
    path("outbox/<slug:key>/html/", views.mail_html, name="mail_html"),
    path("idp/", idp.index, name="idp"),
    path("idp/metadata/", idp.metadata, name="idp_metadata"),
    path("idp/sso/", idp.sso, name="idp_sso"),
    path("idp/start/", idp.start, name="idp_start"),
    path("idp/slo/", idp.slo, name="idp_slo"),
    path("idp/logout/", idp.logout, name="idp_logout"),
]
