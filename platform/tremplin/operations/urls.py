"""Addresses of the operations."""

from __future__ import annotations

from django.urls import path

from tremplin.operations.views import (
    coupons,
    export,
    help_requests,
    mirror,
    modules,
    payments,
    plans,
    platform,
    resellers,
    revenue,
    start,
    support,
)

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
    path("console/support/", help_requests.ask, name="support"),
    path("platform/", platform.index, name="platform"),
    path("platform/modules/", modules.index, name="modules"),
    path("platform/stripe/", mirror.index, name="mirror"),
    path("platform/stripe/<slug:kind>/", mirror.kind, name="mirror_kind"),
    path("platform/plans/", plans.index, name="plans"),
    path("platform/plans/new/", plans.new, name="plan_new"),
    path("platform/plans/first-prices/", plans.first_prices, name="first_prices"),
    path("platform/plans/<uuid:plan>/", plans.plan, name="plan"),
    path("platform/plans/<uuid:plan>/versions/", plans.new_version, name="plan_new_version"),
    path("platform/versions/<uuid:version>/", plans.version, name="plan_version"),
    path("platform/versions/<uuid:version>/edit/", plans.edit_version, name="plan_edit"),
    path("platform/versions/<uuid:version>/dates/", plans.window, name="plan_window"),
    path("platform/versions/<uuid:version>/prices/", plans.price, name="plan_price"),
    path(
        "platform/versions/<uuid:version>/prices/<uuid:price>/stop/",
        plans.stop_price,
        name="plan_price_stop",
    ),
    path("platform/versions/<uuid:version>/move/", plans.move, name="plan_move"),
    path("platform/versions/<uuid:version>/keep/", plans.keep, name="plan_keep"),
    path("platform/coupons/", coupons.index, name="coupons"),
    path("platform/coupons/<uuid:coupon>/switch/", coupons.switch, name="coupon_switch"),
    path("platform/revenue/", revenue.index, name="revenue"),
    path("platform/revenue/months.csv", revenue.sheet, name="revenue_csv"),
    path("platform/payments/", payments.index, name="payments"),
    path("platform/payments/<uuid:invoice>/", payments.invoice, name="payment"),
    path("platform/payments/<uuid:invoice>/retry/", payments.retry, name="payment_retry"),
    path("platform/spaces/<uuid:space>/", platform.space, name="space"),
    path("platform/spaces/<uuid:space>/suspend/", platform.suspend, name="suspend"),
    path("platform/spaces/<uuid:space>/resume/", platform.resume, name="resume"),
    path("platform/spaces/<uuid:space>/view-as/", support.view_space, name="view_space"),
    path("platform/resellers/<uuid:space>/", resellers.detail, name="reseller"),
    path("platform/resellers/<uuid:space>/terms/", resellers.agree, name="reseller_terms"),
    path(
        "platform/resellers/<uuid:space>/prices/<uuid:price>/",
        resellers.limit,
        name="reseller_price",
    ),
    path("platform/resellers/<uuid:space>/payout/", resellers.pay_out, name="reseller_payout"),
    path("reseller/clients/", support.clients, name="clients"),
    path("reseller/clients/<uuid:space>/view-as/", support.view_client, name="view_client"),
]
