"""Addresses of single sign-on: the console's pages, sign-in steps and the SCIM service."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

account_patterns: tuple[list[URLPattern | URLResolver], str] = ([], "sso")
console_patterns: tuple[list[URLPattern | URLResolver], str] = ([], "sso_console")

urlpatterns = [
    path("", include(account_patterns)),
    path("console/sso/", include(console_patterns)),
]
