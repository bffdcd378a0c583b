"""Pages of identity: invitations, and people, cohorts, roles, security in the console."""

from __future__ import annotations

from django.urls import include, path

from tremplin.identity.support.urls import console_urls as support_urls
from tremplin.identity.support.urls import visit_patterns
from tremplin.identity.views import cohorts, imports, invitations, people, person, roles, security

account_patterns = (
    [path("accounts/invitation/<str:token>/", invitations.accept, name="invitation")],
    "identity",
)
console_patterns = (
    [
        path("people/", people.index, name="list"),
        path("people/bulk/", people.bulk, name="bulk"),
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
        path("cohorts/", cohorts.index, name="cohorts"),
        path("cohorts/<slug:slug>/", cohorts.detail, name="cohort"),
        path("cohorts/<slug:slug>/edit/", cohorts.edit, name="cohort_edit"),
        path("roles/", roles.table, name="roles"),
        path("security/", security.events, name="security"),
        *support_urls,
    ],
    "people",
)

urlpatterns = [
    path("", include(account_patterns)),
    path("", include(visit_patterns)),
    path("console/", include(console_patterns)),
]
