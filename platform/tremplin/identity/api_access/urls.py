"""Addresses of the API pages: keys and applications in the console, the documentation."""

from __future__ import annotations

from django.urls import path

from tremplin.identity.views import api_console, api_docs

console_patterns = (
    [
        path("api/", api_console.index, name="keys"),
        path("api/keys/new/", api_console.key_new, name="key_new"),
        path("api/keys/<uuid:key>/rotate/", api_console.key_rotate, name="key_rotate"),
        path("api/keys/<uuid:key>/revoke/", api_console.key_revoke, name="key_revoke"),
        path("api/applications/new/", api_console.client_new, name="client_new"),
        path(
            "api/applications/<str:client>/rotate/",
            api_console.client_rotate,
            name="client_rotate",
        ),
        path(
            "api/applications/<str:client>/revoke/",
            api_console.client_revoke,
            name="client_revoke",
        ),
    ],
    "api_console",
)
docs_patterns = [path("api/v1/docs", api_docs.page, name="api_docs")]
