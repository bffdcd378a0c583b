"""Addresses of single sign-on: the console's pages, sign-in steps and the SCIM service."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from tremplin.sso.saml import urls as saml_urls
from tremplin.sso.views import directory, index, oidc, provider, scim, sign_in, spaces

# Each protocol has its own lists: add lines to yours only.
account_patterns: list[URLPattern | URLResolver] = [
    path("accounts/oidc/<slug:provider_id>/login/", sign_in.login, name="oidc_login"),
    path(
        "accounts/oidc/<slug:provider_id>/login/callback/", sign_in.callback, name="oidc_callback"
    ),
    path("accounts/sso/start/", sign_in.start, name="start"),
    path("accounts/sso/continue/", sign_in.resume, name="resume"),
    path("app/spaces/", spaces.index, name="spaces"),
    path("identity/o/authorize", provider.authorize, name="authorize"),
    path("identity/o/logout", provider.logout, name="provider_logout"),
    path("identity/o/device", provider.closed, name="device"),
    path("identity/o/api/device/code", provider.closed, name="device_code"),
    # Providers are for browsers: their sign-in goes through pages, where refusals have words.
    *(
        path(
            f"_allauth/{client}/v1/auth/provider/{step}",
            provider.closed,
            name=f"headless_{client}_{step}",
        )
        for client in ("app", "browser")
        for step in ("redirect", "signup", "token")
    ),
]
oidc_console: list[URLPattern | URLResolver] = [
    path("oidc/add/", oidc.choose, name="oidc_choose"),
    path("oidc/add/<slug:preset>/", oidc.add, name="oidc_add"),
    path("oidc/<uuid:connection>/", oidc.edit, name="oidc_edit"),
    path("oidc/<uuid:connection>/test/", oidc.test, name="oidc_test"),
    path("<uuid:connection>/switch/", oidc.switch, name="switch"),
    path("<uuid:connection>/delete/", oidc.delete, name="delete"),
]
saml_console: list[URLPattern | URLResolver] = saml_urls.console
directory_console: list[URLPattern | URLResolver] = [
    path("directory/", directory.index, name="directory"),
    path("directory/token/", directory.token, name="directory_token"),
    path("directory/role/", directory.role, name="directory_role"),
]
scim_patterns: list[URLPattern | URLResolver] = [
    path("", scim.endpoint, name="root"),
    path("<path:path>", scim.endpoint, name="resource"),
]

urlpatterns = [
    path("scim/v2/", include((scim_patterns, "scim"))),
    path("", include((account_patterns, "sso"))),
    path("", include(saml_urls.protocol)),
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
