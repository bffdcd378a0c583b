"""Addresses of sales."""

from __future__ import annotations

from django.urls import path

from tremplin.billing.sales.views import card, console, setup, shop

app_name = "sales"
urlpatterns = [
    path("app/shop/", shop.index, name="shop"),
    path("app/shop/<uuid:entry>/", shop.entry, name="entry"),
    path("app/shop/orders/<uuid:purchase>/", shop.order, name="order"),
    path("app/shop/orders/<uuid:purchase>/pay/", shop.pay, name="pay"),
    path("app/shop/orders/<uuid:purchase>/cancel/", shop.cancel, name="cancel"),
    path("app/shop/orders/<uuid:purchase>/card/", card.number, name="card"),
    path("app/shop/orders/<uuid:purchase>/confirm/", card.confirm, name="confirm"),
    path("app/shop/documents/<uuid:paper>/", shop.document, name="document"),
    path("console/sales/", console.index, name="index"),
    path("console/sales/orders/<uuid:purchase>/", console.sale, name="sale"),
    path("console/sales/orders/<uuid:purchase>/refund/", console.refund, name="refund"),
    path("console/sales/orders/<uuid:purchase>/paid/", console.mark_paid, name="mark_paid"),
    path("console/sales/orders/<uuid:purchase>/done/", console.deliver, name="deliver"),
    path("console/sales/orders/<uuid:purchase>/cancel/", console.cancel, name="sale_cancel"),
    path("console/sales/documents/<uuid:paper>/", console.document, name="sale_document"),
    path("console/sales/entries/", setup.entries, name="entries"),
    path("console/sales/entries/new/", setup.new, name="entry_new"),
    path("console/sales/entries/<uuid:entry>/", setup.edit, name="entry_edit"),
    path("console/sales/seller/", setup.seller, name="seller"),
    path("console/sales/stripe/", setup.connect, name="connect"),
]
