"""Addresses of billing."""

from __future__ import annotations

from django.urls import path

from tremplin.billing.views import (
    beyond,
    card,
    changes,
    checkout,
    details,
    invoices,
    overview,
    pricing,
)

app_name = "billing"
urlpatterns = [
    path("pricing/", pricing.index, name="pricing"),
    path("console/billing/", overview.index, name="index"),
    path("console/billing/plans/", overview.plans, name="plans"),
    path("console/billing/usage/", overview.usage, name="usage"),
    path("console/billing/usage/beyond/", beyond.save, name="beyond"),
    path("console/billing/details/", details.edit, name="details"),
    path("console/billing/methods/", details.methods, name="methods"),
    path("console/billing/methods/card/", card.replace, name="card_replace"),
    path("console/billing/buy/<uuid:version>/", checkout.choose, name="checkout"),
    path("console/billing/quotes/<uuid:quote>/", checkout.quote, name="quote"),
    path("console/billing/quotes/<uuid:quote>/pay/", checkout.pay, name="pay"),
    path("console/billing/orders/<uuid:order>/", checkout.order, name="order"),
    path("console/billing/orders/<uuid:order>/pay/", checkout.resume, name="order_pay"),
    path("console/billing/orders/<uuid:order>/cancel/", checkout.cancel, name="order_cancel"),
    path("console/billing/orders/<uuid:order>/card/", card.number, name="sandbox"),
    path("console/billing/orders/<uuid:order>/confirm/", card.confirm, name="sandbox_confirm"),
    path(
        "console/billing/subscriptions/<uuid:subscription>/plan/", changes.plan, name="change_plan"
    ),
    path(
        "console/billing/subscriptions/<uuid:subscription>/seats/",
        changes.seats,
        name="change_seats",
    ),
    path(
        "console/billing/subscriptions/<uuid:subscription>/cancel/", changes.cancel, name="cancel"
    ),
    path(
        "console/billing/subscriptions/<uuid:subscription>/keep/",
        changes.undo_cancel,
        name="undo_cancel",
    ),
    path(
        "console/billing/subscriptions/<uuid:subscription>/changes/undo/",
        changes.undo_change,
        name="undo_change",
    ),
    path("console/billing/changes/<uuid:quote>/", changes.preview, name="change"),
    path("console/billing/invoices/", invoices.index, name="invoices"),
    path("console/billing/invoices/<uuid:invoice>/pay/", invoices.pay, name="invoice_pay"),
    path("console/billing/invoices/<uuid:invoice>/pdf/", invoices.pdf, name="invoice_pdf"),
]
