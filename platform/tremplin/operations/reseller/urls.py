"""Addresses of a reseller's console."""

from __future__ import annotations

from django.urls import URLPattern, path

from tremplin.operations.reseller.views import (
    brand,
    catalogue,
    clients,
    health,
    invoices,
    statement,
)

app_name = "reseller"

# What clients are and look like.
_clients = [
    path("", clients.index, name="index"),
    path("clients/new/", clients.new, name="client_new"),
    path("clients/new/slug/", clients.slug, name="client_slug"),
    path("clients/<uuid:client>/", clients.client, name="client"),
    path("brand/", brand.edit, name="brand"),
    path("brand/versions/<int:number>/", brand.restore, name="brand_restore"),
]

# What clients pay, what the reseller earns, how its clients do.
_money: list[URLPattern] = [
    path("health/", health.index, name="health"),
    path("health/<uuid:client>/", health.client, name="health_client"),
    path("catalogue/", catalogue.index, name="catalogue"),
    path("catalogue/prices/<uuid:price>/", catalogue.price, name="catalogue_price"),
    path("catalogue/modules/<slug:slug>/", catalogue.module, name="catalogue_module"),
    path("statement/", statement.index, name="statement"),
    path("statement/csv/", statement.as_csv, name="statement_csv"),
    path("invoices/", invoices.index, name="invoices"),
    path("invoices/<uuid:invoice>/pdf/", invoices.pdf, name="invoice_pdf"),
    path("invoices/<uuid:invoice>/paid/", invoices.paid, name="invoice_paid"),
]

urlpatterns = [*_clients, *_money]
