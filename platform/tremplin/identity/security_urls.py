"""Pages of ``/console/security/``: events, audit log, networks, domains, embedding."""

from __future__ import annotations

from django.urls import path

from tremplin.identity.views import audit, domains, embedding, networks, security

console_urls = [
    path("security/", security.events, name="security"),
    path("security/events.csv", security.export, name="security_export"),
    path("security/audit/", audit.index, name="audit"),
    path("security/audit/check/", audit.verify, name="audit_verify"),
    path("security/audit/export/", audit.export, name="audit_export"),
    path("security/audit/<int:event>/", audit.detail, name="audit_event"),
    path("security/networks/", networks.index, name="networks"),
    path("security/networks/confirm/", networks.confirm, name="networks_confirm"),
    path("security/networks/give-up/", networks.give_up, name="networks_give_up"),
    path("security/domains/", domains.index, name="domains"),
    path("security/domains/<uuid:domain>/check/", domains.check, name="domain_check"),
    path("security/domains/<uuid:domain>/primary/", domains.primary, name="domain_primary"),
    path("security/domains/<uuid:domain>/remove/", domains.remove, name="domain_remove"),
    path("security/embedding/", embedding.index, name="embedding"),
]
