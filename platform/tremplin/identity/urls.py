"""Pages of identity: invitations, and people, cohorts, roles, security in the console."""

from __future__ import annotations

from django.urls import include, path

from tremplin.identity.api_access.urls import console_patterns as api_patterns
from tremplin.identity.api_access.urls import docs_patterns
from tremplin.identity.security_urls import console_urls as security_urls
from tremplin.identity.support.urls import console_urls as support_urls
from tremplin.identity.support.urls import visit_patterns
from tremplin.identity.views import (
    absent,
    bulk,
    cohorts,
    devices,
    factors,
    imports,
    invitations,
    people,
    person,
    person_factors,
    pilots,
    policy,
    roles,
)

account_patterns = (
    [
        path("accounts/invitation/<str:token>/", invitations.accept, name="invitation"),
        path("accounts/sessions/<int:session>/end/", devices.end, name="session_end"),
    ],
    "identity",
)
# Before allauth's own, under its names and addresses: the same pages with the rules of the space.
factor_patterns = [
    path("accounts/sessions/", devices.index, name="usersessions_list"),
    path("accounts/2fa/", factors.index, name="mfa_index"),
    path("accounts/2fa/authenticate/", factors.second_step, name="mfa_authenticate"),
    path("accounts/2fa/recovery-codes/", factors.recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "accounts/2fa/recovery-codes/generate/",
        factors.make_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "accounts/2fa/recovery-codes/download/",
        factors.download_codes,
        name="mfa_download_recovery_codes",
    ),
    path("accounts/2fa/webauthn/", factors.passkeys, name="mfa_list_webauthn"),
    path("accounts/2fa/webauthn/add/", factors.add_passkey, name="mfa_add_webauthn"),
    path(
        "accounts/2fa/webauthn/reauthenticate/",
        factors.prove_passkey,
        name="mfa_reauthenticate_webauthn",
    ),
    path(
        "accounts/2fa/webauthn/keys/<int:pk>/edit/",
        factors.rename_passkey,
        name="mfa_edit_webauthn",
    ),
    path(
        "accounts/2fa/webauthn/keys/<int:pk>/remove/",
        factors.remove_passkey,
        name="mfa_remove_webauthn",
    ),
]
console_patterns = (
    [
        path("people/", people.index, name="list"),
        path("people/bulk/", bulk.choose, name="bulk"),
        path("people/bulk/<uuid:action>/", bulk.preview, name="bulk_preview"),
        path("people/pilots/", pilots.index, name="pilots"),
        path("people/pilots/new/", pilots.create, name="pilots_new"),
        path("people/pilots/sheet/", pilots.sheet, name="pilots_sheet"),
        path("people/pilots/act/", pilots.act, name="pilots_act"),
        path("people/pilots/<uuid:person>/", pilots.detail, name="pilot"),
        path("people/export/", people.export, name="export"),
        path("people/invite/", people.invite, name="invite"),
        path("people/import/", imports.upload, name="import"),
        path("people/import/template.csv", imports.template, name="import_template"),
        path("people/import/<uuid:upload>/", imports.check, name="import_check"),
        path("people/<uuid:person>/", person.detail, name="detail"),
        path("people/<uuid:person>/edit/", person.edit, name="edit"),
        path("people/<uuid:person>/roles/", person.roles, name="person_roles"),
        path("people/<uuid:person>/cohorts/", person.cohorts, name="person_cohorts"),
        path("people/<uuid:person>/suspend/", person.suspend, name="suspend"),
        path("people/<uuid:person>/resume/", person.resume, name="resume"),
        path("people/<uuid:person>/remove/", person.remove, name="remove"),
        path("people/<uuid:person>/invitation/", person.resend, name="resend"),
        path("people/<uuid:person>/sessions/", person.sessions, name="sessions"),
        path("people/<uuid:person>/second-factor/", person_factors.reset, name="factor_reset"),
        path("cohorts/", cohorts.index, name="cohorts"),
        path("cohorts/<slug:slug>/", cohorts.detail, name="cohort"),
        path("cohorts/<slug:slug>/edit/", cohorts.edit, name="cohort_edit"),
        path("roles/", roles.table, name="roles"),
        path("roles/export/", roles.export, name="roles_export"),
        path("roles/own/", roles.switch, name="roles_own"),
        path("roles/new/", roles.create, name="role_new"),
        path("roles/<slug:code>/", roles.detail, name="role"),
        path("roles/<slug:code>/edit/", roles.edit, name="role_edit"),
        path("roles/<slug:code>/delete/", roles.delete, name="role_delete"),
        *security_urls,
        path("security/sign-in/", policy.sign_in, name="sign_in"),
        *support_urls,
    ],
    "people",
)

urlpatterns = [
    path("", include(account_patterns)),
    *factor_patterns,
    path("", include(visit_patterns)),
    # Before the library's own addresses.
    path("_allauth/app/v1/account/phone", absent.phone, name="app_phone"),
    path("_allauth/browser/v1/account/phone", absent.phone, name="browser_phone"),
    path("console/", include(console_patterns)),
    path("console/", include(api_patterns)),
    path("", include(docs_patterns)),
]
