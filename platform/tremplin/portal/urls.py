"""Addresses of the portal."""

from __future__ import annotations

from django.urls import path

from tremplin.portal.views import branding, dashboards, preferences, profile, public, theme

app_name = "portal"
urlpatterns = [
    path("", public.home, name="home"),
    path("help/", public.help_page, name="help"),
    path("app/", dashboards.app, name="app"),
    path("app/profile/", profile.profile, name="profile"),
    path("console/", dashboards.console, name="console"),
    path("console/welcome/", dashboards.welcome, name="welcome"),
    path("console/branding/", branding.edit, name="branding"),
    path("console/branding/check/", branding.check, name="branding_check"),
    path("console/branding/publish/", branding.publish, name="branding_publish"),
    path("console/branding/texts/", branding.write_texts, name="branding_texts"),
    path("console/branding/preview/<slug:part>/", branding.preview, name="branding_preview"),
    path("console/branding/versions/<int:number>/", branding.restore, name="branding_restore"),
    path("console/styleguide/", public.styleguide, name="styleguide"),
    path("preferences/language/", preferences.set_language, name="set_language"),
    path("preferences/scheme/", preferences.set_scheme, name="set_scheme"),
    path("theme/<slug:css_hash>.css", theme.stylesheet, name="theme"),
    path("theme/preview/<uuid:draft>.css", theme.preview, name="theme_preview"),
    path("brand/<str:name>", theme.brand_file, name="brand_file"),
]
