"""Addresses of the operations."""

from __future__ import annotations

from django.urls import path

from tremplin.operations.views import export, modules, platform, start, support

app_name = "operations"
urlpatterns = [
    path("start/", start.form, name="start"),
    path("legal/terms/", start.terms, name="terms"),
    path("start/slug/", start.propose_slug, name="start_slug"),
    path("start/sent/", start.sent, name="start_sent"),
    path("start/confirm/<str:token>/", start.confirm, name="start_confirm"),
    path("start/enter/<str:token>/", start.enter, name="start_enter"),
    path("console/export/", export.index, name="export"),
    path("console/export/<uuid:export>/", export.download, name="export_download"),
    path("platform/", platform.index, name="platform"),
    path("platform/modules/", modules.index, name="modules"),
    path("platform/spaces/<uuid:space>/", platform.space, name="space"),
    path("platform/spaces/<uuid:space>/suspend/", platform.suspend, name="suspend"),
    path("platform/spaces/<uuid:space>/resume/", platform.resume, name="resume"),
    path("platform/spaces/<uuid:space>/view-as/", support.view_space, name="view_space"),
    path("reseller/clients/", support.clients, name="clients"),
    path("reseller/clients/<uuid:space>/view-as/", support.view_client, name="view_client"),
]
