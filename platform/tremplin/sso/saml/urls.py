"""Addresses of SAML: those of allauth, before allauth's own, and the console's pages."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, path

from tremplin.sso.views import doctor, domains, saml

# The names are allauth's: whoever asks for one of its addresses gets ours.
protocol: list[URLPattern | URLResolver] = []
if settings.SAML_AVAILABLE:
    from tremplin.sso.saml import protocol as views

    _BASE = "accounts/saml/<slug:organization_slug>/"
    protocol = [
        path(f"{_BASE}login/", views.login, name="saml_login"),
        path(f"{_BASE}acs/", views.acs, name="saml_acs"),
        path(f"{_BASE}acs/finish/", views.finish_acs, name="saml_finish_acs"),
        path(f"{_BASE}sls/", views.sls, name="saml_sls"),
        path(f"{_BASE}metadata/", views.metadata, name="saml_metadata"),
        path("accounts/logout/", views.logout, name="account_logout"),
    ]

console: list[URLPattern | URLResolver] = [
    path("saml/new/", saml.new, name="saml_new"),
    path("saml/keys/", saml.service_keys, name="saml_keys"),
    path("saml/<slug:slug>/", saml.detail, name="saml_detail"),
    path("saml/<slug:slug>/edit/", saml.edit, name="saml_edit"),
    path("saml/<slug:slug>/metadata/", saml.replace, name="saml_replace"),
    path("saml/<slug:slug>/switch/", saml.switch, name="saml_switch"),
    path("saml/<slug:slug>/delete/", saml.delete, name="saml_delete"),
    path("saml/<slug:slug>/test/", saml.test, name="saml_test"),
    path("doctor/", doctor.index, name="doctor"),
    path("doctor/<uuid:trace>/", doctor.trace, name="trace"),
    path("domains/", domains.index, name="domains"),
    path("domains/<str:domain>/", domains.detail, name="domain"),
]
