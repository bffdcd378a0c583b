"""Security events of the space: who signed in, who changed a right or a rule."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tremplin.identity import audit_reading
from tremplin.identity.audit_reading import AuditFilter, Cursor
from tremplin.identity.internal.downloads import attachment, until_now, zone_of
from tremplin.kernel import audit
from tremplin.kernel.access import guarded

BATCH = 2000


def kind_labels() -> dict[str, str]:
    """Return the recorded kinds with their name, in the order of the filter."""
    return {
        "security.login": _("Sign-in"),
        "security.login_failed": _("Failed sign-in"),
        "security.logout": _("Sign-out"),
        "security.password_changed": _("Password changed"),
        "security.password_reset": _("Password reset"),
        "security.email_confirmed": _("E-mail confirmed"),
        "security.email_changed": _("E-mail changed"),
        "security.mfa_added": _("Second factor added"),
        "security.mfa_removed": _("Second factor removed"),
        "security.mfa_failed": _("Wrong code of the second factor"),
        "security.mfa_reset": _("Recovery codes renewed"),
        "security.mfa_cleared": _("Second factor reset by an administrator"),
        "security.sessions_revoked": _("Sessions closed"),
        "security.session_idle": _("Session ended without activity"),
        "security.new_device": _("Sign-in with a new browser"),
        "security.sign_in_changed": _("Rules of sign-in changed"),
        "security.roles_changed": _("Roles changed"),
        "security.owner_changed": _("Owner changed"),
        "security.person_suspended": _("Account suspended"),
        "security.person_resumed": _("Account opened again"),
        "security.person_expired": _("Account expired"),
        "security.person_removed": _("Person removed"),
        "security.pilot_created": _("Temporary account created"),
        "security.pilot_extended": _("End of a temporary account moved"),
        "security.pilot_kept": _("Temporary account kept for good"),
        "security.role_created": _("Role created"),
        "security.role_changed": _("Permissions of a role changed"),
        "security.role_deleted": _("Role deleted"),
        "security.object_shared": _("Object shared"),
        "security.object_unshared": _("Object no longer shared"),
        "security.invitation_accepted": _("Invitation accepted"),
        "security.sso_configured": _("Single sign-on configured"),
        "security.sso_switched_on": _("Sign-in connection switched on"),
        "security.sso_switched_off": _("Sign-in connection switched off"),
        "security.sso_deleted": _("Sign-in connection deleted"),
        "security.sso_linked": _("Account linked"),
        "security.sso_unlinked": _("Linked account disconnected"),
        "security.sso_person_created": _("Account opened by single sign-on"),
        "security.sso_roles_followed": _("Roles followed from a directory"),
        "security.sso_refused": _("Single sign-on refused"),
        "security.sso_failed": _("Single sign-on failed"),
        "security.sso_created": _("Sign-in connection added"),
        "security.sso_changed": _("Sign-in connection changed"),
        "security.sso_certificates_changed": _("Certificates of a provider changed"),
        "security.sso_tested": _("Sign-in connection tested"),
        "security.sso_enforced": _("Single sign-on made mandatory"),
        "security.sso_released": _("Single sign-on no longer mandatory"),
        "security.sso_key_prepared": _("Sign-in key prepared"),
        "security.sso_key_promoted": _("Sign-in key changed"),
        "security.sso_key_dropped": _("Sign-in key given up"),
        "security.sso_domain_code_sent": _("Code sent for a mail domain"),
        "security.sso_domain_proven": _("Mail domain proven"),
        "security.sso_domain_removed": _("Mail domain removed"),
        "security.support_allowed": _("Support access allowed"),
        "security.support_refused": _("Support access switched off"),
        "security.support_started": _("Visit of support started"),
        "security.support_ended": _("Visit of support ended"),
        "security.support_expired": _("Visit of support expired"),
        "security.api_key_created": _("API key made"),
        "security.api_key_rotated": _("API key given a new secret"),
        "security.api_key_revoked": _("API key revoked"),
        "security.api_client_created": _("Application made"),
        "security.api_client_rotated": _("Application given a new secret"),
        "security.api_client_revoked": _("Application revoked"),
        "security.token_reused": _("Used refresh token presented again"),
        "security.directory_user_created": _("Directory: person added"),
        "security.directory_user_linked": _("Directory: person linked"),
        "security.directory_user_updated": _("Directory: person changed"),
        "security.directory_user_deleted": _("Directory: person taken away"),
        "security.directory_group_created": _("Directory: group added"),
        "security.directory_group_changed": _("Directory: members changed"),
        "security.directory_group_deleted": _("Directory: group taken away"),
        "security.directory_role_mapped": _("Directory: group gives a role"),
        "security.directory_role_unmapped": _("Directory: group gives a role no more"),
        "security.directory_roles_changed": _("Directory: roles of many people changed"),
        "security.directory_refused": _("Directory: request refused"),
        "people.invited": _("Person invited"),
        "people.imported": _("People imported"),
        "people.exported": _("People exported"),
        "people.cohort_deleted": _("Cohort deleted"),
        "security.networks_tried": _("Networks tried"),
        "security.networks_changed": _("Networks changed"),
        "security.networks_rolled_back": _("Networks rolled back"),
        "security.networks_cleared": _("Networks removed by the operator"),
        "security.network_refused": _("Network refused"),
        "security.framing_changed": _("Embedding changed"),
        "security.domain_added": _("Domain added"),
        "security.domain_verified": _("Domain verified"),
        "security.domain_primary": _("Main domain changed"),
        "security.domain_removed": _("Domain removed"),
        "security.events_exported": _("Security events exported"),
        "security.audit_exported": _("Audit log exported"),
        "security.audit_check_asked": _("Check of the audit log asked"),
        "security.audit_checked": _("Audit log checked"),
        "security.audit_broken": _("Audit log found broken"),
        "security.space_export_asked": _("Archive of the space asked"),
        "security.space_exported": _("Archive of the space downloaded"),
        "security.space_suspended": _("Space suspended"),
        "security.space_resumed": _("Space opened again"),
    }


@guarded("kernel.view_audit")
@require_GET
def events(request: HttpRequest) -> HttpResponse:
    """Show the security events, newest first, filtered by kind, person, address and period."""
    labels = kind_labels()
    wanted = AuditFilter.read(request.GET)
    rows = audit_reading.matching(wanted, timezone=zone_of(request), security_only=True)
    page = audit_reading.page(rows, Cursor.read(request.GET), wanted.query())
    context = {
        "page_title": _("Security events"),
        "page": page,
        "filter": wanted,
        "kinds": labels.items(),
        "rows": audit_reading.shown(page.rows, labels),
        "query": urlencode(wanted.query()),
    }
    return render(request, "identity/security/events.html", context)


@guarded("kernel.view_audit")
@require_GET
def export(request: HttpRequest) -> HttpResponseBase:
    """Send the events that the filters keep as CSV, oldest first; the export is an event too."""
    wanted = AuditFilter.read(request.GET)
    rows = audit_reading.matching(wanted, timezone=zone_of(request), security_only=True)
    audit.record("security.events_exported", data={"filters": sorted(wanted.query())})
    file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
    for lines in _lines(until_now(rows).order_by("id")):
        file.write(lines.encode())
    return attachment(
        request, file, what="security", extension="csv", content_type="text/csv; charset=utf-8"
    )


def _lines(rows: Any) -> Iterator[str]:
    """Yield the lines, batch by batch: names are looked up once per batch, not per row."""
    names = (
        _("When (UTC)"),
        _("Event"),
        _("Code"),
        _("Done by"),
        _("Concerns"),
        _("Address"),
        _("Details"),
    )
    labels = kind_labels()
    yield "\ufeff" + audit.csv_line(names)
    seen = 0
    while batch := list(rows.filter(id__gt=seen)[:BATCH]):
        seen = batch[-1].id
        yield "".join(_line(row) for row in audit_reading.shown(batch, labels))


def _line(row: dict[str, Any]) -> str:
    event = row["event"]
    return audit.csv_line(
        [
            event.at.astimezone(UTC).isoformat(timespec="seconds"),
            row["label"],
            event.kind,
            row["actor"],
            row["target"],
            event.address,
            "; ".join(f"{name}={value}" for name, value in row["details"]),
        ]
    )
