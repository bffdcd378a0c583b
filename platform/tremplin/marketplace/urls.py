"""Addresses of the marketplace."""

from __future__ import annotations

from django.urls import path

from tremplin.marketplace.views import catalogue, leaving, listings, mine, module, screenshots

app_name = "marketplace"
urlpatterns = [
    path("console/modules/", catalogue.index, name="index"),
    path("console/modules/mine/", mine.index, name="mine"),
    path("console/modules/<slug:slug>/", module.detail, name="module"),
    path("console/modules/<slug:slug>/trial/", module.start_trial, name="module_trial"),
    path("console/modules/<slug:slug>/switch/", module.switch, name="module_switch"),
    path("console/modules/<slug:slug>/settings/", module.save_settings, name="module_settings"),
    path("console/modules/<slug:slug>/rating/", module.rate, name="module_rate"),
    path("console/modules/<slug:slug>/uninstall/", leaving.uninstall, name="module_uninstall"),
    path("console/modules/<slug:slug>/export/", leaving.export, name="module_export"),
    path("console/modules/<slug:slug>/keep/", leaving.keep, name="module_keep"),
    path(
        "console/modules/<slug:slug>/screens/<uuid:screenshot>/",
        screenshots.show,
        name="screenshot",
    ),
    path("platform/listings/", listings.index, name="listings"),
    path("platform/listings/sync/", listings.sync, name="listings_sync"),
    path("platform/listings/<slug:slug>/", listings.detail, name="listing"),
    path("platform/listings/<slug:slug>/move/", listings.move, name="listing_move"),
    path("platform/listings/<slug:slug>/texts/", listings.texts, name="listing_texts"),
    path("platform/listings/<slug:slug>/stop/", listings.stop, name="listing_stop"),
    path("platform/listings/<slug:slug>/release/", listings.release, name="listing_release"),
    path("platform/listings/<slug:slug>/screens/", screenshots.add, name="screenshot_add"),
    path(
        "platform/listings/<slug:slug>/screens/<uuid:screenshot>/",
        screenshots.review,
        name="screenshot_review",
    ),
    path(
        "platform/listings/<slug:slug>/screens/<uuid:screenshot>/change/",
        screenshots.change,
        name="screenshot_change",
    ),
    path(
        "platform/listings/<slug:slug>/ratings/<uuid:rating>/",
        listings.answer,
        name="rating_answer",
    ),
    path("platform/publishers/<slug:publisher>/", listings.publisher, name="publisher"),
    path("platform/publishers/<slug:publisher>/statement/", listings.statement, name="statement"),
]
