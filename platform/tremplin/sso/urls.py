"""Addresses of single sign-on: the console's pages, sign-in steps and the SCIM service."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from tremplin.sso.views import index, scim

# Each protocol has its own lists: add lines to yours only.
account_patterns: list[URLPattern | URLResolver] = []
oidc_console: list[URLPattern | URLResolver] = []
saml_console: list[URLPattern | URLResolver] = []
directory_console: list[URLPattern | URLResolver] = []

scim_patterns: list[URLPattern | URLResolver] = [
    path("", scim.endpoint, name="root"),
    path("<path:path>", scim.endpoint, name="resource"),
]

urlpatterns = [
    path("scim/v2/", include((scim_patterns, "scim"))),
    path("", include((account_patterns, "sso"))),
    path(
        "console/sso/",
        include(
            (
                [
                    path("", index.index, name="index"),
                    *oidc_console,
                    *saml_console,
                    *directory_console,
                ],
                "sso_console",
            )
        ),
    ),
]
